// Saves what was made.

import { ask } from "./api.js"
import { h } from "./dom.js"

export function save(blob, name) {
	const link = h("a", { href: URL.createObjectURL(blob), download: name })
	link.click()
	setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** Saves what the service makes; the format is its ending. */
export function download(latest, path, body, name) {
	latest.run(async (signal) => save(await ask(path, { body, signal, as: "blob" }), `${name}.${body.format}`))
}
