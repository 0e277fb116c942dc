import { execFile, execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { parseInspection } from '../../lib/inspection/contract';
import { describeLiveEndpoint } from '../support/live-endpoint';
import { testWith } from '../support/needs';

/** Reason why the AWS CLI cannot judge; undefined where it is installed. */
const MISSING_AWS_CLI = ((): string | undefined => {
  try {
    execFileSync('aws', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'the AWS CLI: pip install awscli';
  }
})();

describeLiveEndpoint('the AWS CLI', ({ tidegate, at, read, window }) => {
  testWith(MISSING_AWS_CLI)(
    'saves by the printed commands what gives the same folder as the calls',
    async () => {
      const live = await tidegate('inspect', '--endpoint', 'chat', ...window(), '--out', at('live'));
      expect(live.code).toBe(0);
      const { stdout: script } = await tidegate('inspect', '--endpoint', 'chat', ...window(), '--commands');
      fs.writeFileSync(at('save.sh'), script);
      const { stdout, stderr } = await promisify(execFile)('sh', ['save.sh'], { cwd: at(), env: process.env });
      expect(stderr).toBe('');
      expect(stdout).toContain('npx tidegate inspect --from chat-saved --out chat-now');
      const saved = await tidegate('inspect', '--from', at('chat-saved'), '--out', at('saved'));
      expect(saved).toMatchObject({ code: 0, stderr: live.stderr });
      expect(fs.readdirSync(at('saved')).sort()).toEqual(fs.readdirSync(at('live')).sort());
      for (const file of fs.readdirSync(at('live')).filter((name) => name !== 'inspection.json')) {
        expect(read('saved', file)).toBe(read('live', file));
      }
      const facts = (name: string): object => {
        const {
          source: _s,
          command: _c,
          madeAt: _m,
          read: _r,
          ...rest
        } = parseInspection('', read(name, 'inspection.json'));
        return rest;
      };
      expect(facts('saved')).toEqual(facts('live'));
    },
    600_000,
  );
});
