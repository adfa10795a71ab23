import type { Failure } from "./host/types";

/** A fault of a form: where it belongs (an element id) and what it says. */
export type Fault = { field: string | null; message: string };

/**
 * The faults a failure names. The core gives `details.field`, or `details.fields` as a record
 * from field to message; anything else concerns the whole form.
 */
export function faultsOf(failure: Failure, ids: Record<string, string>): Fault[] {
  const details = failure.details;
  if (typeof details !== "object" || details === null) return whole(failure);
  if ("fields" in details && typeof details.fields === "object" && details.fields !== null) {
    const faults = Object.entries(details.fields).map(([field, message]) => ({
      field: ids[field] ?? null,
      message: String(message),
    }));
    return faults.length > 0 ? faults : whole(failure);
  }
  const field = "field" in details ? ids[String(details.field)] : undefined;
  return [{ field: field ?? null, message: failure.message }];
}

/** The message that belongs to one field. */
export function faultAt(faults: Fault[], id: string): string | undefined {
  return faults.find((fault) => fault.field === id)?.message;
}

function whole(failure: Failure): Fault[] {
  return [{ field: null, message: failure.message }];
}
