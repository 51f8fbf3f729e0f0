// Saves what was made.

import { ask } from "./api.js"
import { h } from "./dom.js"

export function save(blob, name) {
	const link = h("a", { href: URL.createObjectURL(blob), download: name })
	link.click()
	setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** Asks for a file and saves it under this name, with the format as its ending. */
export function download(latest, path, body, name) {
	latest.run(async (signal) => save(await ask(path, { body, signal, as: "blob" }), `${name}.${body.format}`))
}

/**
 * An IDX file, MNIST's own format (magic number, sizes, bytes), gzipped: the uint8 array `parts` joined, of
 * these dimensions.
 */
export function idx(parts, ...dimensions) {
	const head = new DataView(new ArrayBuffer(4 + 4 * dimensions.length))
	head.setUint32(0, 0x0800 + dimensions.length)
	dimensions.forEach((size, i) => head.setUint32(4 + 4 * i, size))
	const zipped = new Blob([head, ...parts]).stream().pipeThrough(new CompressionStream("gzip"))
	return new Response(zipped).blob()
}
