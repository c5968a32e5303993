import { render } from 'preact';
import '../ui/base.css';
import '../ui/components.css';
import { Empty } from '../ui/basics.tsx';

render(<Empty title="Understudy" />, document.getElementById('app')!);
