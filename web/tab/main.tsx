import { render } from 'preact';
import '../ui/base.css';
import '../ui/components.css';
import './tab.css';
import { App } from './app.tsx';
import { keepOffline } from './offline.ts';
import { openPage } from './state.ts';

render(<App />, document.getElementById('app')!);
void openPage();
keepOffline();
