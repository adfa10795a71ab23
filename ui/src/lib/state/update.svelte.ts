import { asFailure, call } from "../host/commands";
import type { UpdateView } from "../host/types";
import { toasts } from "./toasts.svelte";

/** Whether there is a newer Cairn, for Settings and its entry in the sidebar. */
class UpdateState {
  view = $state.raw<UpdateView | null>(null);
  /** Whether the service is being asked. */
  checking = $state(false);
  /** Whether something newer waits for the person. */
  readonly waits = $derived(["offered", "installed"].includes(this.view?.update.state ?? ""));

  async reload(): Promise<void> {
    await this.#take(() => call("update", {}));
  }

  async check(): Promise<void> {
    this.checking = true;
    await this.#take(() => call("check_update", {}));
    this.checking = false;
  }

  async install(): Promise<void> {
    await this.#take(() => call("install_update", {}));
  }

  async cancel(): Promise<void> {
    await this.#run(() => call("cancel_update", {}));
  }

  async restart(): Promise<void> {
    await this.#run(() => call("restart", {}));
  }

  reset(): void {
    this.view = null;
    this.checking = false;
  }

  async #take(ask: () => Promise<UpdateView>): Promise<void> {
    await this.#run(async () => {
      this.view = await ask();
    });
  }

  async #run(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      toasts.fail(asFailure(error));
    }
  }
}

/** The one update state of the window. */
export const update = new UpdateState();
