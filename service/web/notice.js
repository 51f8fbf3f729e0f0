// The line that says what is wrong, or that the page waits.

import { button } from "./dom.js"

const place = document.getElementById("notice")
let speaker = null

/** Shows a sentence of this owner; `retry` makes a button. */
export function tell(owner, text, retry = null, failed = false) {
	speaker = owner
	place.replaceChildren(text, ...(retry ? [" ", button("Try now", retry)] : []))
	place.classList.toggle("failed", failed)
}

/** Takes the owner's sentence away. */
export function clear(owner) {
	if (speaker !== owner) return
	speaker = null
	place.classList.remove("failed")
	place.replaceChildren()
}
