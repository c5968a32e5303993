import { render } from 'preact';
import '../ui/base.css';
import '../ui/components.css';
import './data/data.css';
import './evaluation/evaluation.css';
import './shell.css';
import './sets/sets.css';
import './study/study.css';
import './try/try.css';
import { Studio } from './studio.tsx';

render(<Studio />, document.getElementById('app')!);
