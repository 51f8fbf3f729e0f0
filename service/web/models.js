// The models that are served, and what they can do.

import { ask } from "./api.js"
import { state } from "./state.js"

let list = []
let fallback = ""
const details = new Map()

export async function load(signal) {
	const answer = await ask("models", { signal })
	// The newest version of each stands first.
	list = answer.models.filter((model, i, all) => all.findIndex((other) => other.name === model.name) === i)
	fallback = answer.default
}

export const all = () => list
export const named = (name) => list.find((model) => model.name === name)

/** The state's, else the service's default. */
export const current = () => named(state.model) ?? named(fallback)

/** The current model if it `suits`, else the default or the first that does, if any. */
export function suitable(suits) {
	return [current(), named(fallback), ...list].find((model) => model && suits(model))
}

export const has = (role) => (model) => model.roles.includes(role)

/** The label for a request to this model, if it takes any: JSON leaves undefined out. */
export const labelled = (model, label) => (model.conditional ? (label ?? undefined) : undefined)

/** Manifest and figures; asked for once. */
export async function detail(name, signal) {
	if (!details.has(name)) details.set(name, await ask(`models/${name}`, { signal }))
	return details.get(name)
}
