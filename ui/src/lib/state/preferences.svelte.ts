import { asFailure, call } from "../host/commands";
import type { Failure, Restored, SettingsEdit, SettingsView, Theme } from "../host/types";

/**
 * What somebody chose for this computer. It is read before the first screen and needs nobody to be
 * signed in; a change counts at once on every screen.
 */
class Preferences {
  view = $state.raw<SettingsView | null>(null);
  /** The restore that just put another database here, until somebody has signed in. */
  restored = $state.raw<Restored | null>(null);

  /** Reads them. Never rejects: without them the defaults of the style sheet hold. */
  async load(): Promise<void> {
    try {
      this.#show(await call("settings", {}));
    } catch {
      // The screens say what is wrong with the core.
    }
  }

  /** Changes what is named; gives what was wrong, or null. */
  async change(edit: SettingsEdit): Promise<Failure | null> {
    try {
      this.#show(await call("change_settings", edit));
      return null;
    } catch (error) {
      return asFailure(error);
    }
  }

  /** One size larger or smaller, or the usual one for 0; at either end nothing happens. */
  async zoom(step: -1 | 0 | 1): Promise<Failure | null> {
    if (this.view === null) return null;
    const { zooms, zoom_percent } = this.view;
    const next = step === 0 ? 100 : zooms[zooms.indexOf(zoom_percent) + step];
    if (next === undefined || next === zoom_percent) return null;
    return this.change({ zoom_percent: next });
  }

  #show(view: SettingsView): void {
    this.view = view;
    wear(view.theme);
  }

  /** Back to the start, for tests. */
  reset(): void {
    this.view = null;
    this.restored = null;
    wear("system");
  }
}

/** The style sheet follows the system where the root names no theme (`tokens.css`). */
function wear(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

/** The one set of preferences of the window. */
export const preferences = new Preferences();
