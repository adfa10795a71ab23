import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/lists.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { useHost } from "./lib/host/commands";
import { inShell, shell } from "./lib/host/tauri";
import { preferences } from "./lib/state/preferences.svelte";

async function chooseHost(): Promise<void> {
  // The fake is for the browser only; this branch is removed from the bundle that ships.
  if ((import.meta.env.DEV || import.meta.env.MODE === "look") && !inShell()) {
    const { fakeFromAddress } = await import("./lib/host/fake");
    useHost(fakeFromAddress(window.location.search));
    return;
  }
  useHost(shell);
}

const target = document.getElementById("app");
// The chosen theme is there before the first screen; one that cannot be read is the system's.
if (target) {
  void chooseHost()
    .then(() => preferences.load())
    .then(() => mount(App, { target }));
}
