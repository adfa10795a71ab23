import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Host, Place } from "./commands";

/** Whether this page runs inside the desktop shell. */
export function inShell(): boolean {
  return "__TAURI_INTERNALS__" in window;
}

/** The desktop shell: each command takes one argument, `request`. */
export const shell: Host = {
  invoke: (command, request) => invoke(command, { request }),
  onChanged: (callback) => listen("changed", () => callback()),
  onPlaybook: (callback) => listen("playbook", () => callback()),
  onOpen: (callback) => listen<Place | null>("open", (event) => callback(event.payload)),
};
