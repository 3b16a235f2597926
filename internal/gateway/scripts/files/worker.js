// Shows the messages that tabi sends to browsers. The service worker of the site has one line:
//   importScripts('https://tabi.example.com/web-push/worker.js')
'use strict'

self.addEventListener('push', (event) => {
  let message = {}
  try {
    message = event.data ? event.data.json() : {}
  } catch {
    return // not one of tabi's
  }
  if (!message.title) return
  const buttons = message.buttons || []
  event.waitUntil(
    self.registration.showNotification(message.title, {
      body: message.body, image: message.image, tag: message.tag,
      actions: buttons.map((button, i) => ({ action: String(i), title: button.title })),
      data: { link: message.link, links: buttons.map((button) => button.link), key: message.tabi_key },
    }),
  )
})

self.addEventListener('notificationclick', (event) => {
  const { link, links = [] } = event.notification.data || {}
  event.notification.close()
  const target = (event.action !== '' && links[Number(event.action)]) || link || '/'
  event.waitUntil(
    (async () => {
      const url = new URL(target, self.location.origin)
      if (url.protocol !== 'https:' && url.protocol !== 'http:') return
      const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
      const open = pages.find((page) => page.url === url.href)
      if (open) await open.focus()
      else await self.clients.openWindow(url.href)
    })(),
  )
})

self.addEventListener('install', () => self.skipWaiting())
