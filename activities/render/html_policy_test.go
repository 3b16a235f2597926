package render_test

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/render"
)

// What mails need stays as it was written.
func TestMailMarkupIsKept(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`<p style="color:red!important;font-family:&#39;Helvetica Neue&#39;,Arial,sans-serif;">a</p>`,
		`<td style="background:url(https://a.example/b.png) no-repeat;padding:0 4px"></td>`,
		`<p style="mso-line-height-rule:exactly;-webkit-text-size-adjust:100%;width:calc(100% - 20px)">a</p>`,
		`<p style="background-image:linear-gradient(90deg, rgba(0,0,0,.5) 0%, #fff 100%)">a</p>`,
		`<p style="background:url(data:image/png;base64,AA==)">a</p>`,
		`<table width="600" cellpadding="0" cellspacing="0" border="0" bgcolor="#fff" align="center" role="presentation">` +
			`<tbody><tr><td valign="top" colspan="2" nowrap="" background="https://a.example/b.png">x</td></tr></tbody></table>`,
		`<font color="#333" face="Arial" size="2">a</font><center>b</center>`,
		`<style type="text/css">@media (max-width: 600px) { .a > b { width: 100% !important } }</style>`,
		`<!--[if mso]><table><tr><td><![endif]-->a<!--[if mso]></td></tr></table><![endif]-->`,
		`<a aria-label="l" class="button" data-id="7" href="#top" rel="noopener" target="_blank" title="t">a</a>`,
		`<a href="/cart?x=1:2">a</a><a href="https://a.example/商品?q=a b">b</a>`,
		`<img src="https://a.example/a.png" srcset="https://a.example/a.png 1x, https://a.example/b.png 2x" width="1" height="1" alt="A"/>`,
		`<ol start="3" type="a"><li value="4">a</li></ol><hr size="1" noshade=""/><br/>`,
	} {
		if strings.HasPrefix(source, "<td") {
			source = "<table><tbody><tr>" + source + "</tr></tbody></table>"
		}
		if got := mail(t, source, render.Options{})["html"]; got != source {
			t.Errorf("changed\n from %s\n   to %s", source, got)
		}
	}
	document := `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" ` +
		`"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">` +
		`<html xmlns="http://www.w3.org/1999/xhtml" lang="ja"><head><meta charset="utf-8"/><meta name="viewport" ` +
		`content="width=device-width"/>` +
		`<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/><title>題</title>` +
		`<link rel="stylesheet" href="https://fonts.example/a.css"/></head><body bgcolor="#fff" style="margin:0">a</body></html>`
	if got := mail(t, document, render.Options{})["html"]; got != document {
		t.Errorf("changed\n from %s\n   to %s", document, got)
	}
}

// What could run, load or redirect goes, however it is written.
func TestScriptsAreRemoved(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`<p onclick="x()" ONLOAD=x OnMouseOver='x'>a</p>`:                                         `<p>a</p>`,
		`<a href="jAvAsCrIpT&colon;alert(1)">a</a>`:                                               `<a>a</a>`,
		"<a href=\"java\tscript:alert(1)\">a</a><a href=\"\x01javascript:x\">b</a>":               `<a>a</a><a>b</a>`,
		`<a href="&#106;avascript:alert(1)">a</a><a href="x-app:open">b</a>`:                      `<a>a</a><a>b</a>`,
		`<a href="file:///etc/passwd">a</a><a href="blob:https://a">b</a>`:                        `<a>a</a><a>b</a>`,
		`<img src="javascript:x"><img src="https://a.example/a" dynsrc="javascript:x">`:           `<img/><img src="https://a.example/a"/>`,
		`<img srcset="https://a.example/a 1x, javascript:x 2x">`:                                  `<img/>`,
		`<td background="javascript:x">`:                                                          ``,
		`<p style="behavior:url(https://a.example/x.htc)">a</p>`:                                  `<p>a</p>`,
		`<p style="-moz-binding:url(https://a.example/x.xml#a)">a</p>`:                            `<p>a</p>`,
		`<p style="width:exp/**/ression(alert(1))">a</p>`:                                         `<p>a</p>`,
		`<p style="background:url('javascript:x')">a</p><p style="color:\72 ed">b</p>`:            `<p>a</p><p>b</p>`,
		`<p style="background:url(vbscript:x)">a</p><p style="width:eXpReSsIoN(1)">b</p>`:         `<p>a</p><p>b</p>`,
		`<scr<script>ipt>alert(1)</scr</script>ipt>`:                                              `ipt&gt;alert(1)ipt&gt;`,
		`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></math>b`: `b`,
		`<svg><p><style><g title="</style><img src=x onerror=alert(1)>"></svg>`: `<p><style><g title="</style><img ` +
			`src="x"/>&#34;&gt;</p>`,
		`<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>a`:          `<img src="x"/>&#34;&gt;a`,
		`<form action="https://a.example"><input name="a"><button>Go</button></form>`:        `Go`,
		`<template><script>1</script></template><embed src="x">a<video src="x">b</video>`:    `ab`,
		`<meta http-equiv="set-cookie" content="a=b"><base target="_top">a`:                  `a`,
		`<unknown-thing onx="1">a</unknown-thing>`:                                           `a`,
		`<iframe srcdoc="<script>1</script>"></iframe><frameset><frame src="x"></frameset>a`: `a`,
	} {
		got := mail(t, source, render.Options{})["html"]
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", source, got, want)
		}
	}
}
