// Registers this browser for web push by tabi:
//   <script src="https://tabi.example.com/web-push/page.js" data-write-key="web-key…" data-worker="/tabi-worker.js" defer></script>
//   button.onclick = () => tabi.registerPush({ userId, userHash })
(() => {
  'use strict'
  const script = document.currentScript
  const given = script ? { ...script.dataset } : {}
  const gateway = script ? new URL('..', script.src).href : '/'
  const publicKey = 'WEB_PUSH_KEY'

  const bytes = (text) => {
    const raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'))
    return Uint8Array.from(raw, (c) => c.charCodeAt(0))
  }
  const equal = (a, b) => a && a.byteLength === b.byteLength && new Uint8Array(a).every((n, i) => n === b[i])

  // The visitor is the one of Segment's library where the page has it, else one of our own.
  const visitor = () => {
    const user = window.analytics && typeof window.analytics.user === 'function' && window.analytics.user()
    const known = user && user.anonymousId && user.anonymousId()
    if (known) return known
    const name = 'tabi_anonymous_id'
    let id = localStorage.getItem(name)
    if (!id) {
      id = crypto.randomUUID()
      localStorage.setItem(name, id)
    }
    return id
  }

  const supported = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window

  const subscribe = async (worker) => {
    const registration = await navigator.serviceWorker.register(worker)
    await navigator.serviceWorker.ready
    const key = bytes(publicKey)
    let subscription = await registration.pushManager.getSubscription()
    if (subscription && !equal(subscription.options.applicationServerKey, key)) {
      await subscription.unsubscribe() // it was made with another key: nothing would come
      subscription = null
    }
    return subscription || registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  }

  // registerPush asks for the permission, subscribes the browser and tells tabi. It resolves to the subscription; it throws an Error whose
  // message says why there is none. Call it from a click: browsers ask only then. With userId it needs userHash, which the site's server
  // makes; without, the subscription is the visitor's.
  const registerPush = async (options = {}) => {
    const { writeKey, worker = '/tabi-worker.js', userId, userHash, anonymousId } = { ...given, ...options }
    if (!supported()) throw new Error('this browser has no web push')
    if (!writeKey) throw new Error('give writeKey, or data-write-key on the script')
    if ((await Notification.requestPermission()) !== 'granted') throw new Error('the customer has not permitted notifications')
    const subscription = await subscribe(worker)
    const call = { writeKey, anonymousId: anonymousId || visitor(), context: { web_push: subscription.toJSON() } }
    if (userId) Object.assign(call, { userId, userHash })
    const response = await fetch(gateway + 'v1/identify', {
      method: 'POST', credentials: 'omit', headers: { 'Content-Type': 'text/plain' }, body: JSON.stringify(call),
    })
    const answer = await response.json().catch(() => ({}))
    if (!response.ok) throw new Error('tabi refused the subscription: ' + ((answer.error && answer.error.message) || response.status))
    return subscription
  }

  // unregisterPush ends the subscription of this browser. tabi notices when the next message comes back.
  const unregisterPush = async () => {
    const registration = supported() && (await navigator.serviceWorker.getRegistration())
    const subscription = registration && (await registration.pushManager.getSubscription())
    return subscription ? subscription.unsubscribe() : false
  }

  window.tabi = Object.assign(window.tabi || {}, { registerPush, unregisterPush, pushSupported: supported })
})()
