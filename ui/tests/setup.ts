import { afterEach } from "vitest";
import { app } from "../src/lib/state/app.svelte";

afterEach(() => {
  app.reset();
  window.location.hash = "";
  window.localStorage.clear();
});
