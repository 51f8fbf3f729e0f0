// Makes elements. Nothing here parses HTML, so no answer can inject any.

const HTML = "http://www.w3.org/1999/xhtml"
const SVG = "http://www.w3.org/2000/svg"
const DRAWN = ["svg", "line", "path", "rect", "text"]

/**
 * h("p.note", {id: "x"}, "text", child): an element with classes, attributes (may be missing) and children.
 * Functions named on... listen; null, undefined and false are left out.
 */
export function h(name, attributes, ...children) {
	if (attributes?.constructor !== Object) [attributes, children] = [{}, [attributes, ...children]]
	const [tag, ...classes] = name.split(".")
	const element = document.createElementNS(DRAWN.includes(tag) ? SVG : HTML, tag)
	if (classes.length) element.setAttribute("class", classes.join(" "))
	for (const [key, value] of Object.entries(attributes)) {
		if (typeof value === "function") element.addEventListener(key.slice(2), value)
		else if ((value ?? false) !== false) element.setAttribute(key, value === true ? "" : value)
	}
	element.append(...children.flat().filter((child) => (child ?? false) !== false))
	return element
}

export function button(text, onclick, attributes = {}) {
	return h("button", { type: "button", onclick, ...attributes }, text)
}

export function heading(title, lede) {
	return h("div.heading", h("h2", title), h("p", lede))
}

/** Whether the reader asked for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches

export const title = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ")

/** f(0) to f(n - 1). */
export const times = (n, f) => Array.from({ length: n }, (_, i) => f(i))

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value))
