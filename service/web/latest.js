// One request at a time per purpose: a newer one aborts it, so a late answer overwrites nothing.

import { Failure } from "./api.js"
import { clear, tell } from "./notice.js"

const LEAST_MS = 40
const SLOW_MS = 1500
const active = new Set()

/** Stops all of them: another view is opened. */
export const stopAll = () => active.forEach((one) => one.stop())

/** `place` is the element that is marked as busy while an answer is awaited. */
export class Latest {
	#place
	#controller = null
	#timer = 0
	#started = -Infinity
	#lasted = 0
	#attempt = 0

	constructor(place) {
		this.#place = place
	}

	/**
	 * Runs work(signal) as soon as the throttle allows; of several that wait, the last. Starts are as far apart as
	 * an answer took, so that a slider dragged over a slow line still shows the way. A Failure that may pass is
	 * retried. After an await that does not hear of the signal, `work` calls signal.throwIfAborted().
	 */
	run(work) {
		active.add(this)
		this.#attempt = 0
		this.#schedule(work, this.#started + Math.max(LEAST_MS, 1.2 * this.#lasted) - performance.now())
	}

	stop() {
		clearTimeout(this.#timer)
		this.#controller?.abort()
		this.#controller = null
		this.#place.removeAttribute("aria-busy")
		clear(this)
		active.delete(this)
	}

	#schedule(work, delay) {
		clearTimeout(this.#timer)
		if (delay > 0) this.#timer = setTimeout(() => this.#start(work), delay)
		else this.#start(work)
	}

	async #start(work) {
		clearTimeout(this.#timer)
		this.#controller?.abort()
		const controller = (this.#controller = new AbortController())
		this.#started = performance.now()
		this.#place.setAttribute("aria-busy", "true")
		const slow = setTimeout(() => tell(this, "Still waiting for the service…"), SLOW_MS)
		try {
			await work(controller.signal)
			if (controller.signal.aborted) return
			this.#lasted = Math.min(1000, performance.now() - this.#started)
			this.#attempt = 0
			clear(this)
			this.#place.removeAttribute("aria-busy")
		} catch (error) {
			if (controller.signal.aborted) return
			this.#place.removeAttribute("aria-busy")
			if (!(error instanceof Failure)) throw error
			this.#failed(error, work)
		} finally {
			clearTimeout(slow)
		}
	}

	#failed(failure, work) {
		if (!failure.again) return tell(this, failure.message, null, true)
		const seconds = Math.max(failure.after, Math.min(8, 2 ** this.#attempt++))
		tell(this, `${failure.message} Trying again in ${seconds} s.`, () => this.#start(work), true)
		this.#schedule(work, seconds * 1000)
	}
}
