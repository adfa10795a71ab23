import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Changed, Drag, Host, Place } from "./commands";

/** Whether this page runs inside the desktop shell. */
export function inShell(): boolean {
  return "__TAURI_INTERNALS__" in window;
}

/** The desktop shell: each command takes one argument, `request`. */
export const shell: Host = {
  invoke: (command, request) => invoke(command, { request }),
  onChanged: (callback) => listen<Changed>("changed", (event) => callback(event.payload)),
  onPlaybook: (callback) => listen("playbook", () => callback()),
  onDrag: (callback) => dragged(callback),
  onOpen: (callback) => listen<Place | null>("open", (event) => callback(event.payload)),
};

/** The shell's own events for files: they carry paths, which a page's drop event does not. */
async function dragged(callback: (drag: Drag) => void): Promise<() => void> {
  const stops = await Promise.all([
    listen("tauri://drag-enter", () => callback({ at: "over" })),
    listen("tauri://drag-leave", () => callback({ at: "gone" })),
    listen<{ paths: string[] }>("tauri://drag-drop", (event) =>
      callback({ at: "dropped", paths: event.payload.paths }),
    ),
  ]);
  return () => {
    for (const stop of stops) stop();
  };
}
