import { type Fault, faultsOf } from "../faults";
import { asFailure, call } from "../host/commands";
import { app } from "./app.svelte";

/** Opening the database again, by the keyring or by the recovery passphrase. */
export class Unlock {
  passphrase = $state("");
  busy = $state(false);
  faults = $state.raw<Fault[]>([]);

  /** Tries the keyring. */
  async byKeyring(): Promise<void> {
    await this.#open({});
  }

  /** Tries the passphrase; `missing` is what to say when there is none. */
  async byPassphrase(missing: string): Promise<void> {
    if (this.passphrase === "") {
      this.faults = [{ field: "unlock-passphrase", message: missing }];
      return;
    }
    await this.#open({ passphrase: this.passphrase });
  }

  async #open(request: { passphrase?: string }): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.faults = [];
    try {
      const session = await call("unlock", request);
      this.passphrase = "";
      await app.enter(session);
    } catch (error) {
      this.faults = faultsOf(asFailure(error), { passphrase: "unlock-passphrase" });
    } finally {
      this.busy = false;
    }
  }
}
