// Runs the scripts of web push as a browser would, with a browser of the test's own: node browser.js FOLDER.
const fs = require('node:fs')
const vm = require('node:vm')
const assert = require('node:assert')
const read = (name) => fs.readFileSync(`${process.argv[2]}/${name}`, 'utf8').replaceAll('WEB_PUSH_KEY', 'BPublicKey')

const worker = async () => {
  const listeners = {}
  const shown = []
  const opened = []
  const pages = [{ url: 'https://shop.example.com/cart', focus: async () => opened.push('focus') }]
  const self = {
    location: { origin: 'https://shop.example.com' },
    addEventListener: (name, f) => (listeners[name] = f),
    registration: { showNotification: async (title, options) => shown.push({ title, ...options }) },
    clients: { matchAll: async () => pages, openWindow: async (url) => opened.push(url) },
    skipWaiting: () => {},
  }
  vm.runInNewContext(read('worker.js'), { self, URL })
  const run = async (name, event) => {
    let waits
    listeners[name]({ ...event, waitUntil: (p) => (waits = p) })
    await waits
  }
  const message = { title: 'T', body: 'B', tag: 'x', link: 'https://shop.example.com/cart', buttons: [{ title: 'Go', link: '/sale' }] }
  await run('push', { data: { json: () => message } })
  await run('push', { data: { json: () => JSON.parse('not JSON') } })
  await run('push', { data: null })
  assert.equal(shown.length, 1)
  assert.equal(shown[0].title, 'T')
  assert.equal(shown[0].tag, 'x')
  assert.equal(shown[0].actions[0].title, 'Go')
  const click = (action, data = shown[0].data) => run('notificationclick', { action, notification: { data, close: () => {} } })
  await click('')
  await click('0')
  await click('', { link: 'javascript:alert(1)' })
  await click('', {})
  assert.deepEqual(opened, ['focus', 'https://shop.example.com/sale', 'https://shop.example.com/'])
}

const page = async () => {
  const calls = []
  let permission = 'granted'
  let held = { options: { applicationServerKey: new Uint8Array([1]).buffer }, unsubscribe: async () => calls.push('unsubscribed') }
  const subscription = { toJSON: () => ({ endpoint: 'https://push.example.com/1', keys: { p256dh: 'k', auth: 'a' } }) }
  const pushManager = {
    getSubscription: async () => held,
    subscribe: async (options) => { calls.push(options.userVisibleOnly); held = null; return subscription },
  }
  const registration = { pushManager }
  const kept = {}
  const window = { PushManager: 1, Notification: 1 }
  const globals = {
    window, URL, Uint8Array, Object, Error, JSON, atob, crypto: { randomUUID: () => 'uuid-1' },
    document: { currentScript: { src: 'https://tabi.example.com/web-push/page.js', dataset: { writeKey: 'web-key' } } },
    navigator: { serviceWorker: { register: async (path) => { calls.push(path); return registration }, ready: Promise.resolve(registration) } },
    Notification: { requestPermission: async () => permission },
    localStorage: { getItem: (k) => kept[k], setItem: (k, v) => (kept[k] = v) },
    fetch: async (url, options) => { calls.push([url, JSON.parse(options.body)]); return { ok: true, json: async () => ({}) } },
  }
  vm.runInNewContext(read('page.js'), globals)
  await window.tabi.registerPush({ userId: 'ana', userHash: 'h' })
  assert.deepEqual(calls.slice(0, 3), ['/tabi-worker.js', 'unsubscribed', true])
  const [url, body] = calls[3]
  assert.equal(url, 'https://tabi.example.com/v1/identify')
  assert.deepEqual(body, {
    writeKey: 'web-key', anonymousId: 'uuid-1', context: { web_push: subscription.toJSON() }, userId: 'ana', userHash: 'h',
  })
  await window.tabi.registerPush()
  assert.equal(calls.at(-1)[1].anonymousId, 'uuid-1')
  assert.equal(calls.at(-1)[1].userId, undefined)
  permission = 'denied'
  await assert.rejects(window.tabi.registerPush(), /permitted/)
}

Promise.all([worker(), page()]).catch((e) => { console.error(e); process.exit(1) })
