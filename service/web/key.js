// The key that a guarded service wants: asked for in one box, however many requests wait for it.

import { h } from "./dom.js"

let asking = null

export const entered = () => (asking ??= new Promise((done) => {
	const input = h("input", { type: "password", required: true, autocomplete: "off" })
	const box = h("dialog", { oncancel: (event) => event.preventDefault() },
		h("form.view", {
			onsubmit: (event) => {
				event.preventDefault()
				sessionStorage.setItem("key", input.value)
				box.remove()
				asking = null
				done()
			}
		}, h("label.field", h("span", "This service wants a key"), input), h("button", "Use it until this tab is closed")))
	document.body.append(box)
	box.showModal()
}))
