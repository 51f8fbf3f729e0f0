// Pixels as the API sends them, uint8, 28x28, painted as those very bytes.

import { ask } from "./api.js"
import { h } from "./dom.js"

export const SIDE = 28
const AREA = SIDE * SIDE

/** What a path answers to this body, from npy: 784 bytes each. */
export async function images(path, body, signal) {
	const buffer = await ask(path, { body: { ...body, format: "npy" }, signal, as: "arrayBuffer" })
	const bytes = new Uint8Array(buffer, 10 + new DataView(buffer).getUint16(8, true))
	return Array.from({ length: bytes.length / AREA }, (_, i) => bytes.subarray(i * AREA, (i + 1) * AREA))
}

const scratch = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true })

/** The 784 bytes of a base64 PNG of 28x28. */
export async function fromPng(text) {
	const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
	const picture = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" })
	scratch.globalCompositeOperation = "copy"
	scratch.drawImage(picture, 0, 0)
	const { data } = scratch.getImageData(0, 0, SIDE, SIDE)
	return Uint8Array.from({ length: AREA }, (_, i) => data[4 * i])
}

/** One image; `name` is for those who cannot see it. */
export function canvas(image = null, name = null) {
	const element = h("canvas", { width: SIDE, height: SIDE, role: name && "img", "aria-label": name })
	if (image) paint(element, image)
	return element
}

export function paint(element, image, x = 0, y = 0) {
	const data = new ImageData(SIDE, SIDE)
	const words = new Uint32Array(data.data.buffer)
	for (let i = 0; i < AREA; i++) words[i] = 0xff000000 | (image[i] * 0x010101)
	element.getContext("2d").putImageData(data, x, y)
}

/** All images in one; null leaves a black tile. */
export function sheet(tiles, columns) {
	const element = h("canvas", { width: columns * SIDE, height: Math.ceil(tiles.length / columns) * SIDE })
	element.getContext("2d").fillRect(0, 0, element.width, element.height)
	tiles.forEach((image, i) => image && paint(element, image, (i % columns) * SIDE, Math.floor(i / columns) * SIDE))
	return element
}

/** A canvas enlarged, every pixel a square, as a PNG blob. */
export function png(element, scale) {
	const large = h("canvas", { width: element.width * scale, height: element.height * scale })
	const context = large.getContext("2d")
	context.imageSmoothingEnabled = false
	context.drawImage(element, 0, 0, large.width, large.height)
	return new Promise((done) => large.toBlob(done, "image/png"))
}

/** A data: address, which the API takes for base64. */
export const toPng = (image) => canvas(image).toDataURL()
