import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { expect } from "vitest";
import { press } from "./window";

export const RIVER = "#/migration/t-river";
export const click = async (id: string) => fireEvent.click(await screen.findByTestId(id));
export const title = () => screen.getByTestId("migration-title").textContent;
export const step = () => document.querySelector("[aria-current=step]")?.textContent?.trim();

/** Types a path, as a person without a mouse or a dialog does. */
export async function look(path: string): Promise<void> {
  await fireEvent.input(await screen.findByTestId("import-path"), { target: { value: path } });
  await click("import-path-use");
}

export const next = () => press("Enter", { ctrlKey: true });

/** Goes on as far as a step. */
export async function walk(
  path: string,
  to: "Detect" | "Map" | "Validate" | "Preview" | "Import",
): Promise<void> {
  await look(path);
  await screen.findByTestId("migration-found");
  for (const name of ["Detect", "Map", "Validate", "Preview", "Import"]) {
    await waitFor(() => expect(screen.getByTestId("migration-why").textContent).toBe(""));
    next();
    await waitFor(() => expect(step()).toBe(name));
    if (name === to) return;
  }
}
