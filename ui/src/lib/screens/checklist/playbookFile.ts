/** Reading a playbook that somebody chose as a file. The core alone says whether it is good. */
import type { Fault } from "../../faults";
import { asFailure, call } from "../../host/commands";
import type { PlaybookFacts } from "../../host/types";
import { texts } from "../../texts";

/** Larger files are not even handed to the core, which refuses playbooks above 512 KiB. */
const LARGEST = 4 * 1024 * 1024;

/** The most faults that are listed; who mends these sees the next. */
export const TOO_MANY = 20;

/** What is wrong with a file: the faults to show, and how many more there are. */
export type PlaybookFaults = { faults: Fault[]; more: number };

/** A file that was read: its source and what it contains, or what is wrong. */
export type PlaybookRead = {
  source: string | null;
  facts: PlaybookFacts | null;
  found: PlaybookFaults;
};

/** Reads a file and lets the core judge it. Faults point at the field with the id `field`. */
export async function readPlaybook(file: Blob, field: string | null): Promise<PlaybookRead> {
  try {
    return await judged(file, field);
  } catch (error) {
    return refused([{ field, message: asFailure(error).message }]);
  }
}

async function judged(file: Blob, field: string | null): Promise<PlaybookRead> {
  if (file.size > LARGEST) return refused([{ field, message: texts.playbookFile.tooLarge }]);
  const source = decoded(await file.arrayBuffer());
  if (source === null) return refused([{ field, message: texts.playbookFile.notText }]);
  const { problems, playbook } = await call("check_playbook", { source });
  if (playbook !== null) return { source, facts: playbook, found: { faults: [], more: 0 } };
  const said = problems.map((one) => texts.playbookFile.fault(one.line, one.column, one.message));
  return refused([...new Set(said)].map((message) => ({ field, message })));
}

function refused(faults: Fault[]): PlaybookRead {
  const found = { faults: faults.slice(0, TOO_MANY), more: Math.max(0, faults.length - TOO_MANY) };
  return { source: null, facts: null, found };
}

/** The file as text. Its bytes are kept as they are, a byte order mark too: they make its digest. */
function decoded(bytes: ArrayBuffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
