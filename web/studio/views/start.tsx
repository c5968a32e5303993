import { useState } from 'preact/hooks';
import type { CommandView, Form, JobView, Places, Runs } from '../../../src/studio/answers.ts';
import { Button, Card, Command, Empty, LinkButton, Notice } from '../../ui/basics.tsx';
import { CheckField, TextField } from '../../ui/fields.tsx';
import { Table } from '../../ui/table.tsx';
import { address, go, param, setParams } from '../address.ts';
import { lists } from '../live.ts';
import { wantedIn } from '../newRun.ts';
import { post } from '../server.ts';
import { SettingFields } from '../settingFields.tsx';
import { Top } from '../shell.tsx';
import type { ViewProps } from '../studio.tsx';
import { type Answer, useAnswer } from '../useAnswer.ts';
import { useLine } from '../useLine.ts';
import { Answered } from '../waiting.tsx';

type Argument = CommandView['args'][number];

/** Every command that can be started here: its form is its own definition, and its settings are their schema's. */
export function StartView({ parts: { command } }: ViewProps) {
  const commands = useAnswer<{ commands: readonly CommandView[] }>('/commands');
  return (
    <Answered answer={commands} waiting="Reading what can be started…">
      {(found) => {
        const chosen = found.commands.find(({ name }) => name === command);
        if (command === undefined) return <All commands={found.commands} />;
        return chosen ? <One key={command} command={chosen} /> : <Unknown name={command} />;
      }}
    </Answered>
  );
}

const Unknown = ({ name }: { readonly name: string }) => (
  <>
    <Top title={name} above={[['Other work', '/start']]} />
    <Empty title="There is no such command to be started here">
      <LinkButton href="/start">All that can be started</LinkButton>
    </Empty>
  </>
);

const All = ({ commands }: { readonly commands: readonly CommandView[] }) => (
  <>
    <Top title="Other work">
      <LinkButton href="/new" kind="primary">
        New run in three steps
      </LinkButton>
    </Top>
    <Table
      caption="Commands that can be started here"
      rows={commands}
      keyOf={({ name }) => name}
      columns={[
        { key: 'name', name: 'Command', cell: ({ name }) => <a href={`/start/${name}`}>{name}</a> },
        { key: 'what', name: 'What it does', cell: ({ description }) => <span class="break">{description}</span> },
      ]}
    />
  </>
);

function One({ command }: { readonly command: CommandView }) {
  const form = useAnswer<Form>(command.settings === null ? null : '/form');
  const known = usePaths();
  const request = requestOf(command, address.value.searchParams);
  const missing = command.args.filter(({ name, required }) => required && (param(name) ?? '') === '');
  const { line, error } = useLine(missing.length === 0 ? request : null);
  const [refused, setRefused] = useState('');
  const start = () =>
    void post<{ job: JobView }>('/jobs', request).then(
      ({ job }) => {
        lists.value++;
        go(`/jobs/${job.id}`);
      },
      (failed: Error) => setRefused(failed.message),
    );
  return (
    <>
      <Top title={command.name} above={[['Other work', '/start']]} />
      <p>{command.description}.</p>
      <Card title="What it is asked">
        <div class="form">
          {command.args
            .filter(({ kind }) => kind !== 'boolean')
            .map((argument) => (
              <Field key={argument.name} argument={argument} paths={known} />
            ))}
        </div>
        {command.args
          .filter(({ kind }) => kind === 'boolean')
          .map(({ name, description }) => (
            <CheckField
              key={name}
              label={`${name}: ${description}`}
              checked={param(name) === 'true'}
              onChange={(on) => setParams({ [name]: on ? 'true' : null })}
            />
          ))}
      </Card>
      {command.settings !== null && <Settings form={form} command={command} />}
      <Card title="Begin">
        {missing.length > 0 ? (
          <Empty title={`Still missing: ${missing.map(({ name }) => name).join(', ')}`} />
        ) : (
          line && <Command line={line} />
        )}
        {missing.length === 0 && (error || refused) && <Notice kind="bad">{error || refused}</Notice>}
        <div class="row end">
          <Button kind="primary" onClick={start} disabled={missing.length > 0 || line === ''}>
            Start
          </Button>
        </div>
      </Card>
      {command.notes.length > 0 && (
        <details>
          <summary>More about {command.name}</summary>
          {command.notes.map((note) => (
            <pre key={note} class="log">
              {note}
            </pre>
          ))}
        </details>
      )}
    </>
  );
}

function Field({ argument, paths }: { readonly argument: Argument; readonly paths: readonly string[] }) {
  const { name, description, hint, required } = argument;
  const isPath = /DIR|REF|RUN|FILE/.test(hint) || argument.kind === 'positional';
  return (
    <TextField
      label={required ? `${name} (needed)` : name}
      value={param(name) ?? ''}
      onInput={(value) => setParams({ [name]: value || null })}
      placeholder={argument.default || hint}
      help={description}
      {...(isPath ? { choices: paths } : {})}
    />
  );
}

/** What lies below the studio's folder, as paths that commands take. */
function usePaths(): readonly string[] {
  const places = useAnswer<Places>('/places', { live: true }).value;
  const runs = useAnswer<Runs>('/runs', { live: true }).value?.runs ?? [];
  const found = [...runs, ...(places?.models ?? []), ...(places?.data ?? []), ...(places?.sets ?? [])];
  return [...new Set(found.map(({ path }) => path || '.'))];
}

const SECTIONS = {
  run: ['train', 'optim', 'augment', 'student', 'teacher', 'data'],
  synthesis: ['synthesis'],
} as const;

/** Given by a field of their own. */
const NAMED = ['data.dir', 'teacher.ref', 'student.name', 'student.settings'];

function Settings({ form, command }: { readonly form: Answer<Form>; readonly command: CommandView }) {
  const wanted = wantedIn(address.value.searchParams);
  const free = command.name === 'distill' && param('data-free') === 'true';
  const sections = [...SECTIONS[command.settings!], ...(free ? SECTIONS.synthesis : [])];
  return (
    <Card title="Settings">
      <Answered answer={form} waiting="Reading what can be set…">
        {({ fields }) =>
          sections.map((section) => (
            <SettingFields key={section} {...{ fields, section, wanted }} first={[]} without={NAMED} />
          ))
        }
      </Answered>
    </Card>
  );
}

/** What the address says, as the server takes it. */
export function requestOf({ name, args, variadic, settings }: CommandView, params: URLSearchParams): object {
  const given = args.flatMap(({ name, kind }) => {
    const value = params.get(name) ?? '';
    return value === '' ? [] : [{ name, kind, value }];
  });
  const positionals = given.filter(({ kind }) => kind === 'positional').map(({ value }) => value);
  const last = variadic ? positionals.pop() : undefined;
  const more = last === undefined ? [] : last.split(',').map((part) => part.trim());
  const { set } = wantedIn(params);
  return {
    command: name,
    positionals: [...positionals, ...more.filter(Boolean)],
    flags: Object.fromEntries(
      given
        .filter(({ kind }) => kind !== 'positional')
        .map(({ name, kind, value }) => [name, kind === 'boolean' ? true : value]),
    ),
    // A synthesis by itself has no other settings than its own.
    set: settings === null ? [] : set.map((one) => (settings === 'synthesis' ? one.replace(/^synthesis\./, '') : one)),
  };
}
