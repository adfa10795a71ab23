import { render, screen, waitFor } from "@testing-library/svelte";
import App from "../src/App.svelte";
import { useHost } from "../src/lib/host/commands";
import { FakeHost, type FakeOptions } from "../src/lib/host/fake";

/** Opens the whole window over a host in memory, at an address. */
export async function open(options: FakeOptions = {}, hash = ""): Promise<FakeHost> {
  const host = new FakeHost({ now: new Date(), ...options });
  useHost(host);
  window.location.hash = hash;
  render(App);
  await screen.findAllByRole("heading");
  return host;
}

/** What was asked of a command, newest last. */
export function asked(host: FakeHost, command: string): unknown[] {
  return host.calls.filter((one) => one.command === command).map((one) => one.request);
}

/** Presses a key on the element that has the focus. */
export function press(key: string, more: KeyboardEventInit = {}): void {
  const target = document.activeElement ?? document.body;
  target.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }),
  );
}

/** Waits until the element with a test id is there and has the focus. */
export async function focused(testId: string): Promise<void> {
  await waitFor(() => {
    const now = document.activeElement?.getAttribute("data-testid");
    if (now !== testId) throw new Error(`the focus is on ${now ?? document.activeElement?.id}`);
  });
}
