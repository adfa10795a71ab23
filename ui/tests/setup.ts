import { afterEach } from "vitest";
import { app } from "../src/lib/state/app.svelte";
import { preferences } from "../src/lib/state/preferences.svelte";
import { update } from "../src/lib/state/update.svelte";

afterEach(() => {
  app.reset();
  preferences.reset();
  update.reset();
  window.location.hash = "";
  window.localStorage.clear();
});
