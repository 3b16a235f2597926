package bounce_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/japanese"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/bounce"
)

const verp = "bounce+0pv5mb8g41i6a9d3fqk7s2ce1jhnrtlu0pv5mb8g41i6a9d3@shop.example.com"

// dsn returns a report as Postfix writes it, with the fields of its recipients.
func dsn(groups ...string) string {
	return "Return-Path: <>\r\nDelivered-To: " + verp + "\r\nFrom: MAILER-DAEMON@mx.example.com (Mail Delivery System)\r\n" +
		"Subject: Undelivered Mail Returned to Sender\r\nTo: " + verp + "\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n" +
		"Date: Mon, 2 Mar 2026 11:00:00 +0100\r\nMessage-Id: <20260302100000.1@mx.example.com>\r\n" +
		"Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b1/mx.example.com\"\r\n\r\n" +
		"--b1/mx.example.com\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you that your message could not be " +
		"delivered.\r\n" +
		"--b1/mx.example.com\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n" +
		"Arrival-Date: Mon, 2 Mar 2026 10:59:58 +0100\r\n\r\n" + strings.Join(groups, "\r\n\r\n") + "\r\n\r\n" +
		"--b1/mx.example.com\r\nContent-Type: message/rfc822\r\n\r\n" + original + "--b1/mx.example.com--\r\n"
}

const original = "Return-Path: <" + verp + ">\r\nMessage-ID:\r\n <abc123.0123456789abcdef@shop.example.com>\r\nX-Tabi-Key: " +
	"e1/greet/1\r\n" +
	"From: Shop <shop@example.com>\r\nTo: ana@example.com\r\nSubject: Hello\r\n\r\nThe text. Status: 5.1.1\r\n"

func TestReports(t *testing.T) {
	t.Parallel()
	const hard, soft = channel.Hard, channel.Soft
	bounced := func(class channel.BounceClass, to, reason string) []bounce.Result {
		return []bounce.Result{{Kind: channel.Bounced, Class: class, Address: to, Reason: reason}}
	}
	jis := func(text string) string {
		out, err := japanese.ISO2022JP.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, c := range map[string]struct {
		mail    string
		want    []bounce.Result
		ignored string // part of it
	}{
		"no such user": {mail: dsn("Final-Recipient: rfc822; ana@example.com\r\nOriginal-Recipient: rfc822;ana@example.com\r\n" +
			"Action: failed\r\n" +
			"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <ana@example.com>:\r\n    Recipient address rejected: User unknown"),
			want: bounced(hard, "ana@example.com", "550 5.1.1 <ana@example.com>: Recipient address rejected: User unknown")},
		"full": {mail: dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: failed\r\nStatus: 5.2.2\r\n" +
			"Diagnostic-Code: smtp; 552 5.2.2 Mailbox full"), want: bounced(soft, "ana@example.com", "552 5.2.2 Mailbox full")},
		"policy": {mail: dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: failed\r\nStatus: 5.7.1\r\n" +
			"Diagnostic-Code: smtp; 550 5.7.1 blocked"), want: bounced(soft, "ana@example.com", "550 5.7.1 blocked")},
		"Exchange's own code": {mail: dsn("Final-Recipient: rfc822;ana@example.com\r\nAction: failed\r\nStatus: 5.1.10\r\n" +
			"Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound"),
			want: bounced(hard, "ana@example.com", "550 5.1.10 RESOLVER.ADR.RecipientNotFound")},
		"general status, exact words (au)": {mail: dsn("Final-Recipient: RFC822; ana@ezweb.ne.jp\r\nAction: failed\r\nStatus: 5.2.0\r\n" +
			"Diagnostic-Code: SMTP; 550 : User unknown"), want: bounced(hard, "ana@ezweb.ne.jp", "550 : User unknown")},
		"docomo's quoted address": {mail: dsn("Final-Recipient: rfc822; \"a..b\"@docomo.ne.jp\r\nAction: failed\r\nStatus: 5.0.0\r\n" +
			"Diagnostic-Code: smtp; 550 Unknown user a..b@docomo.ne.jp"),
			want: bounced(hard, `"a..b"@docomo.ne.jp`, "550 Unknown user a..b@docomo.ne.jp")},
		"given up after days": {mail: dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: failed\r\nStatus: 4.4.1\r\n" +
			"Diagnostic-Code: X-Postfix; connect to mx.example.com[192.0.2.1]:25: Connection timed out"),
			want: bounced(soft, "ana@example.com", "connect to mx.example.com[192.0.2.1]:25: Connection timed out")},
		"forwarded": {mail: dsn("Original-Recipient: rfc822;ana@example.com\r\nFinal-Recipient: rfc822; old@gmail.example\r\n" +
			"Action: failed\r\n" +
			"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user"),
			want: []bounce.Result{{Kind: channel.Bounced, Class: hard, Address: "ana@example.com", Final: "old@gmail.example",
				Reason: "550 5.1.1 no such user"}}},
		"several recipients": {mail: dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: failed\r\nStatus: 5.1.1",
			"Final-Recipient: rfc822; ben@example.com\r\nAction: delayed\r\nStatus: 4.4.1",
			"Final-Recipient: rfc822; cleo@example.com\r\nAction: delivered\r\nStatus: 2.0.0"),
			want: []bounce.Result{{Kind: channel.Bounced, Class: hard, Address: "ana@example.com", Reason: "5.1.1"},
				{Kind: channel.Delivered, Address: "cleo@example.com", Reason: "2.0.0"}}, ignored: "a delay"},
		"delayed": {mail: dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: delayed\r\nStatus: 4.4.1"), ignored: "a delay"},
		"relayed": {mail: dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: relayed\r\nStatus: " +
			"2.1.9"), ignored: "handed on (relayed)"},
		"an abuse": {mail: arf("abuse"), want: []bounce.Result{{Kind: channel.Complained, Address: "ana@example.com", Reason: "abuse"}}},
		"a fraud":  {mail: arf("Fraud"), want: []bounce.Result{{Kind: channel.Complained, Address: "ana@example.com", Reason: "Fraud"}}},
		"not spam": {mail: arf("not-spam"), ignored: "no spam"},
		"DMARC":    {mail: arf("auth-failure"), ignored: "authentication"},
		"virus":    {mail: arf("virus"), ignored: "other than abuse"},
		"opt " +
			"out": {mail: arf("opt-out"), want: []bounce.Result{
			{Kind: channel.Unsubscribed, Address: "ana@example.com", Reason: "opt-out"},
		}},
		"qmail": {mail: "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: " + verp + "\nSubject: failure notice\n\n" +
			"Hi. This is the qmail-send program at mx.example.com.\nI'm afraid I wasn't able to deliver your message to the following " +
			"addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<ana@example.com>:\n" +
			"192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 <ana@example.com>... User Unknown\nGiving up on " +
			"192.0.2.1.\n\n" +
			"--- Below this line is a copy of the message.\n\n" + strings.ReplaceAll(original, "\r", ""),
			want: bounced(hard, "ana@example.com", "Remote host said: 550 5.1.1 <ana@example.com>... User Unknown Giving up on "+
				"192.0.2.1.")},
		"Exim": {mail: "X-Failed-Recipients: ana@example.com\nAuto-Submitted: auto-replied\nFrom: Mail Delivery System " +
			"<Mailer-Daemon@mx.example.com>\n" +
			"To: " + verp + "\nSubject: Mail delivery failed: returning message to sender\n\nThis message was created " +
			"automatically by mail " +
			"delivery software.\n\n  ana@example.com\n    SMTP error from remote mail server after RCPT TO:<ana@example.com>:\n" +
			"    550 5.2.2 over quota\n\n------ This is a copy of the message, including all the headers. ------\n\n" + original,
			want: bounced(soft, "ana@example.com", "550 5.2.2 over quota")},
		"Exim's warning": {mail: "From: Mailer-Daemon@mx.example.com\nAuto-Submitted: auto-replied\nX-Failed-Recipients: " +
			"ana@example.com\n" +
			"Subject: Warning: message 1abc delayed 24 hours\n\nA message has not yet been delivered to ana@example.com.\n" +
			"No action is required on your part. Delivery attempts will continue.\n", ignored: "a delay"},
		"KDDI, in Japanese": {mail: "From: no-reply@x1.dion.ne.jp\nTo: " + verp + "\nSubject: =?ISO-2022-JP?B?" +
			base64.StdEncoding.EncodeToString([]byte(jis("メールエラー通知"))) + "?=\nContent-Type: multipart/mixed; boundary=\"==_F\"\n\n" +
			"--==_F\nContent-Type: text/plain; charset=\"ISO-2022-JP\"\nContent-Transfer-Encoding: 7bit\n\n" +
			jis("送信先のメールボックスが一杯のため、送信できませんでした。\n\n") +
			"     Could not be delivered to: <ana@x1.dion.ne.jp>\n--==_F\nContent-Type: message/rfc822\n\n" + original + "--==_F--\n",
			want: bounced(soft, "ana@x1.dion.ne.jp", "送信先のメールボックスが一杯のため、送信できませんでした。 Could not be delivered to: <ana@x1.dion.ne.jp>")},
		"unknown, in Japanese": {mail: "From: Postmaster@ezweb.ne.jp\nTo: " + verp + "\nSubject: Mail System Error - Returned Mail\n" +
			"Content-Type: text/plain; charset=ISO-2022-JP\n\n" + jis("送信先メールアドレスが見つかりません。\n") + "<a.@ezweb.ne.jp>\n" +
			"---------------------------------------------------\n" + original,
			want: bounced(hard, `"a."@ezweb.ne.jp`, "送信先メールアドレスが見つかりません。 <a.@ezweb.ne.jp>")},
		"Exchange without a status": {mail: "From: postmaster@example.com\nTo: " + verp + "\nSubject: Undeliverable: Hello\n" +
			"In-Reply-To: <abc123.0123456789abcdef@shop.example.com>\n\nYour message did not reach some or all of the intended " +
			"recipients.\n\n" +
			"The following recipient(s) could not be reached:\n\n  ana@example.com on 2.3.2026 11:00\n      The recipient name " +
			"is not recognized: " +
			"Unknown Recipient\n", want: bounced(hard, "ana@example.com", "Your message did not reach some or all of the "+
			"intended recipients. The following "+
			"recipient(s) could not be reached: ana@example.com on 2.3.2026 11:00 The recipient name is not recognized: "+
			"Unknown Recipient")},
		"away": {mail: "From: Ana <ana@example.com>\nTo: " + verp + "\nSubject: Automatic reply: Hello\nAuto-Submitted: " +
			"auto-replied\n\n" +
			"I am out of office. Mails are not delivered to me.\n", ignored: "an automatic reply"},
		"away, in Japanese": {mail: "From: ana@example.com\nTo: " + verp + "\nSubject: =?UTF-8?B?" +
			base64.StdEncoding.EncodeToString([]byte("【自動返信】不在のお知らせ")) + "?=\n\n休みます\n", ignored: "an automatic reply"},
		"a receipt": {mail: "From: ana@example.com\nContent-Type: multipart/report; report-type=disposition-notification; " +
			"boundary=b\n\n--b\n\n" +
			"read\n--b\nContent-Type: message/disposition-notification\n\nDisposition: manual-action/MDN-sent-manually; " +
			"displayed\n--b--\n",
			ignored: "a receipt"},
	} {
		got, err := bounce.Read([]byte(c.mail))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.Results); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if said := strings.Join(got.Ignored, "; "); !strings.Contains(said, c.ignored) || c.ignored == "" && said != "" {
			t.Errorf("%s: ignored: %q", name, said)
		}
	}
}

func arf(kind string) string {
	return "From: <abuse@isp.example>\r\nTo: <fbl@shop.example.com>\r\nSubject: FW: Hello\r\nMIME-Version: 1.0\r\nMessage-ID: " +
		"<1@isp.example>\r\n" +
		"Content-Type: multipart/report; report-type=feedback-report; boundary=\"x\"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n" +
		"This is an email abuse report.\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: " + kind + "\r\n" +
		"User-Agent: SomeGenerator/1.0\r\n" +
		"Version: 1\r\nOriginal-Mail-From: <" + verp + ">\r\nOriginal-Rcpt-To: <ana@example.com>\r\n\r\n--x\r\nContent-Type: " +
		"message/rfc822\r\n\r\n" +
		original + "--x--\r\n"
}

// TestEvidence: the token of the sender and the id of the mail are found wherever a report has them.
func TestEvidence(t *testing.T) {
	t.Parallel()
	group := "Final-Recipient: rfc822; ana@example.com\r\nAction: failed\r\nStatus: 5.1.1"
	whole := dsn(group)
	for name, mail := range map[string]string{
		"whole": whole, "mbox": "From MAILER-DAEMON Mon Mar  2 11:00:00 2026\n" + whole, "bare line " +
			"ends": strings.ReplaceAll(whole, "\r", ""),
		"headers only": strings.Replace(whole, "message/rfc822", "text/rfc822-headers", 1),
		"cut off":      whole[:strings.Index(whole, "X-Tabi-Key")],
		"complaint":    arf("abuse"),
		"base64": strings.Replace(whole, "message/rfc822\r\n\r\n"+original, "text/rfc822-headers\r\nContent-Transfer-Encoding: "+
			"base64\r\n\r\n"+
			base64.StdEncoding.EncodeToString([]byte(original))+"\r\n", 1),
	} {
		got, err := bounce.Read([]byte(mail))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !has(got.Addresses, verp) || !has(got.MessageIDs, "abc123.0123456789abcdef@shop.example.com") {
			t.Errorf("%s: %q %q", name, got.Addresses, got.MessageIDs)
		}
		if name == "whole" && (got.ID != "20260302100000.1@mx.example.com" || got.At.Format("15:04") != "10:00") {
			t.Errorf("%q %v", got.ID, got.At)
		}
	}
}

func has(list []string, one string) bool {
	return strings.Contains(" "+strings.Join(list, " ")+" ", " "+one+" ")
}

// TestWhatIsNoReport: it is refused, and what is odd ends.
func TestWhatIsNoReport(t *testing.T) {
	t.Parallel()
	deep := ""
	for i := range 100 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	for name, mail := range map[string]string{
		"nothing": "", "a letter": "From: ana@example.com\nSubject: Re: Hello\n\nThank you!\n", "no header": "hello",
		"deep": deep + "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; " +
			"ana@example.com\nAction: failed\nStatus: 5.1.1\n",
		"a letter that speaks of one": "From: ana@example.com\nSubject: a question\n\nWhy was my mail returned? 550 5.1.1 user unknown\n",
	} {
		if got, err := bounce.Read([]byte(mail)); !errors.Is(err, bounce.ErrUnknown) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	huge := dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: failed\r\nStatus: 5.1.1") + strings.Repeat("x", 40<<20)
	if got, err := bounce.Read([]byte(huge)); err != nil || len(got.Results) != 1 {
		t.Errorf("a huge mail: %+v %v", got, err)
	}
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf("Final-Recipient: rfc822; a%d@example.com\r\nAction: failed\r\nStatus: 5.1.1", i))
	}
	if got, err := bounce.Read([]byte(dsn(many...))); err != nil || len(got.Results) > 50 {
		t.Errorf("many recipients: %d %v", len(got.Results), err)
	}
}

// FuzzBounce: no mail makes the reader fail in another way, or return more than it may.
func FuzzBounce(f *testing.F) {
	f.Add([]byte(dsn("Final-Recipient: rfc822; ana@example.com\r\nAction: failed\r\nStatus: 5.1.1")))
	f.Add([]byte(arf("abuse")))
	f.Add([]byte("Subject: failure notice\nReturn-Path: <>\n\nHi. This is the qmail-send program\n<a@b.example>:\n550 no\n"))
	f.Add([]byte("Content-Type: multipart/report; boundary=\"\n\n--\n\x00\xff=?x?q?=?="))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := bounce.Read(raw)
		if err != nil && !errors.Is(err, bounce.ErrUnknown) {
			t.Fatal(err)
		}
		if (err == nil) != (len(m.Results)+len(m.Ignored) > 0) || len(m.Results) > 50 || len(m.Addresses) > 200 || len(m.MessageIDs) > 200 {
			t.Fatalf("%+v %v", m, err)
		}
		for _, r := range m.Results {
			if len([]rune(r.Reason)) > 1000 || strings.ContainsAny(r.Reason+r.Address+r.Final, "\r\n\x00") {
				t.Fatalf("%+v", r)
			}
		}
	})
}
