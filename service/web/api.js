// Asks the service. A refusal becomes a Failure, with a sentence for the reader.

const PATIENCE_MS = 20_000
const listeners = []

/** `again`: the same may succeed later, in `after` seconds at least. */
export class Failure extends Error {
	constructor(text, status = 0, after = 0) {
		super(text)
		this.after = after
		this.again = status === 0 || status === 429 || status >= 500
	}
}

/** Hears of every answer: {path, ms, data}. */
export const onAnswer = (listener) => listeners.push(listener)

/** Of an API path, wherever a proxy has put the service. */
export const address = (path) => new URL(path, document.baseURI).href

/**
 * GET, or POST with a body, and `again` where a key is wanted. Gives JSON, or what `as` names: arrayBuffer,
 * blob, text. `signal` aborts (AbortError); all else that goes wrong is a Failure.
 */
export async function ask(path, { body, signal, as = "json" } = {}, again = false) {
	const start = performance.now()
	const limit = AbortSignal.timeout(PATIENCE_MS)
	const key = sessionStorage.getItem("key")
	const headers = { "Content-Type": "application/json", ...(key && { "X-API-Key": key }) }
	const options = { headers, signal: signal ? AbortSignal.any([signal, limit]) : limit }
	if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) })
	try {
		const answer = await fetch(address(path), options)
		if (answer.status === 401) {
			// The first time, the page's head may have asked ahead without it.
			if (again || !key) await (await import("./key.js")).entered()
			signal?.throwIfAborted()
			return ask(path, { body, signal, as }, true)
		}
		if (!answer.ok) throw await refusal(answer)
		const data = await answer[as]()
		for (const listener of listeners) listener({ path, ms: performance.now() - start, data })
		return data
	} catch (error) {
		if (error instanceof Failure || signal?.aborted) throw error
		if (limit.aborted) throw new Failure("The service took too long to answer.")
		throw new Failure("The service cannot be reached.")
	}
}

async function refusal(answer) {
	const problem = await answer.json().catch(() => ({}))
	const after = Number(answer.headers.get("Retry-After")) || 0
	const text = problem.detail ? `says: ${problem.detail}` : `answered ${answer.status}`
	return new Failure(`The service ${text}.`, answer.status, after)
}
