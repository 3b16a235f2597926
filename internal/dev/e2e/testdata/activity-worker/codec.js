// Decrypts and encrypts by tabi's codec server, with a token that has the permission payloads.decode.
export class CodecServer {
  constructor(endpoint, token) {
    this.endpoint = endpoint; // https://tabi.example.com/v1/codec
    this.token = token;
  }

  encode(payloads) { return this.post('encode', payloads); }

  decode(payloads) { return this.post('decode', payloads); }

  async post(path, payloads) {
    if (payloads.length === 0) return payloads;
    const base64 = (bytes) => Buffer.from(bytes ?? []).toString('base64');
    const mapped = (metadata, f) => Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, f(value)]));
    const answer = await fetch(`${this.endpoint}/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.token}` },
      body: JSON.stringify({ payloads: payloads.map((p) => ({ metadata: mapped(p.metadata, base64), data: base64(p.data) })) }),
    });
    if (!answer.ok) throw new Error(`the codec server answers ${answer.status}: ${await answer.text()}`);
    const bytes = (text) => new Uint8Array(Buffer.from(text ?? '', 'base64'));
    return (await answer.json()).payloads.map((p) => ({ metadata: mapped(p.metadata, bytes), data: bytes(p.data) }));
  }
}
