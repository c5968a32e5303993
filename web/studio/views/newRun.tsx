import { Top } from '../shell.tsx';

export function NewRunView() {
  return <Top title="New run" above={[['Runs', '/runs']]} />;
}
