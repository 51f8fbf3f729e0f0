// One request at a time per purpose: a newer one aborts it, so no late answer overwrites anything.

import { Failure } from "./api.js"
import { clear, tell } from "./notice.js"

const LEAST_MS = 40
const SLOW_MS = 1500
const active = new Set()

/** Stops all of them: another view is opened. */
export const stopAll = () => active.forEach((one) => one.stop())

/** `place` is the element that is marked as busy while an answer is awaited. Gives {run, stop}. */
export function latest(place) {
	let controller = null
	let timer = 0
	let started = -Infinity
	let lasted = 0
	let attempt = 0
	const self = { run, stop }

	/**
	 * Runs work(signal) soon; of several that wait, the last. Starts are as far apart as an answer took: a slider
	 * dragged over a slow line still shows the way. A Failure that may pass is retried. After an await that does
	 * not hear of the signal, `work` calls signal.throwIfAborted().
	 */
	function run(work) {
		active.add(self)
		attempt = 0
		schedule(work, started + Math.max(LEAST_MS, 1.2 * lasted) - performance.now())
	}

	function stop() {
		clearTimeout(timer)
		controller?.abort()
		controller = null
		place.removeAttribute("aria-busy")
		clear(self)
		active.delete(self)
	}

	function schedule(work, delay) {
		place.setAttribute("aria-busy", "true")
		clearTimeout(timer)
		timer = setTimeout(start, delay, work)
	}

	async function start(work) {
		timer = 0
		controller?.abort()
		const { signal } = (controller = new AbortController())
		started = performance.now()
		const slow = setTimeout(() => tell(self, "Still waiting for the service…"), SLOW_MS)
		try {
			await work(signal)
			if (signal.aborted) return
			lasted = Math.min(1000, performance.now() - started)
			attempt = 0
			clear(self)
		} catch (error) {
			if (signal.aborted) return
			if (!(error instanceof Failure)) throw error
			// A newer one that waits tells of its own.
			if (!timer) failed(error, work)
		} finally {
			clearTimeout(slow)
			if (!signal.aborted && !timer) place.removeAttribute("aria-busy")
		}
	}

	function failed(failure, work) {
		if (!failure.again) return tell(self, failure.message, null, true)
		const seconds = Math.max(failure.after, Math.min(8, 2 ** attempt++))
		tell(self, `${failure.message} Trying again in ${seconds} s.`, () => schedule(work), true)
		schedule(work, seconds * 1000)
	}

	return self
}
