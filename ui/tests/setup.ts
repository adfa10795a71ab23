import { afterEach } from "vitest";
import { app } from "../src/lib/state/app.svelte";
import { preferences } from "../src/lib/state/preferences.svelte";

afterEach(() => {
  app.reset();
  preferences.reset();
  window.location.hash = "";
  window.localStorage.clear();
});
