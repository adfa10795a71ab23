import type { OwnerValue } from "../../host/commands";
import type { Person } from "../../host/types";
import { texts } from "../../texts";

/** Somebody who can own an item. */
export type OwnerChoice = { id: string; label: string; hint: string; value: OwnerValue };

/** The people, then their roles, then nobody. */
export function ownerChoices(people: Person[]): OwnerChoice[] {
  return [
    ...people.map((person) => ({
      id: `owner-${person.account}`,
      label: person.name,
      hint: texts.role(person.role),
      value: { account: person.account },
    })),
    ...[...new Set(people.map((person) => person.role))].map((role) => ({
      id: `owner-role-${role}`,
      label: texts.role(role),
      hint: texts.item.role,
      value: { role },
    })),
    { id: "owner-none", label: texts.item.ownerNone, hint: "", value: null },
  ];
}
