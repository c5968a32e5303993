import { useState } from 'preact/hooks';
import { Button } from './basics.tsx';
import { chooseTheme, chosenTheme, type Theme } from './theme.ts';

const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };
const MARKS: Readonly<Record<Theme, string>> = { system: '◐', light: '☀', dark: '☾' };

/** As the system, light, dark, in turn. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(chosenTheme());
  const turn = () => {
    chooseTheme(NEXT[theme]);
    setTheme(NEXT[theme]);
  };
  return (
    <Button kind="quiet" onClick={turn} label={`Theme: ${theme}. Change to ${NEXT[theme]}`}>
      <span aria-hidden="true">{MARKS[theme]}</span>
    </Button>
  );
}
