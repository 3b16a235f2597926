package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// returnMail writes the report that a mail server sends about a mail, and returns its file.
func returnMail(t testing.TB, file, id, to, recipient, messageID string) string {
	t.Helper()
	text := "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: " + to + "\nMessage-ID: <" + id + "@mx.example.net>\n" +
		"Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; " +
		"boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n" +
		"Final-Recipient: rfc822; " + recipient +
		"\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\n\n--b\nContent-Type: text/rfc822-headers\n\n" +
		"Message-ID: " + messageID + "\n\n--b--\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// With plain SMTP, what a mail server writes to the bounce address ends mails to the address that bounced: by the pipe of a mail server,
// and by a mailbox. What proves nothing ends none.
func TestBouncesOfPlainSMTP(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	again := strings.Replace(offer, "journey: offer", "journey: again", 1)
	again = strings.Replace(again, "event: Offered", "event: Offered Again", 1)
	in := newInstall(t, folder(map[string]string{"offer.yaml": offer, "again.yaml": again}))
	box := filepath.Join(in.dir, "box")
	for _, folder := range []string{"new", "cur", "tmp"} {
		if err := os.MkdirAll(filepath.Join(box, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	in.env = append(in.env, "TABI_BOUNCE_ADDRESS=bounces@example.com", "TABI_BOUNCE_MAILBOX=maildir:"+box)
	in.deploy(database)
	mails := map[string]letter{}
	for _, id := range []string{"piped", "boxed", "spoofed"} {
		address := in.customer(id)
		in.track(id, "Offered", "", nil)
		in.ended("offer/"+id, "said")
		all := in.mail.sent(address)
		if len(all) != 1 || !strings.HasPrefix(all[0].from, "bounces+") || all[0].from == mails["piped"].from {
			t.Fatalf("%s: %+v", id, all)
		}
		mails[id] = all[0]
	}
	pipe := func(file, recipient string) (int, string) {
		env := append([]string{"RECIPIENT=" + recipient}, in.env...)
		return runProcess(t, time.Minute, env, "/bin/sh", "-c", tabi(t)+" bounce < "+file)
	}
	file := func(name string) string { return filepath.Join(in.dir, name) }
	for range 2 { // a mail server may deliver it again
		status, out := pipe(returnMail(t, file("piped.eml"), "1", "bounces@example.com", "piped@example.com", "<x@y>"), mails["piped"].from)
		if status != 0 || !strings.Contains(out, "1 event stored") {
			t.Fatalf("exit %d: %s", status, out)
		}
	}
	forged := returnMail(t, file("spoofed.eml"), "2", "bounces@example.com", "spoofed@example.com", "<x@y>")
	status, out := pipe(forged, "bounces@example.com")
	if status != 65 || !strings.Contains(out, "does not prove") {
		t.Errorf("exit %d: %s", status, out)
	}
	in.terminate("serve")
	boxed := returnMail(t, filepath.Join(box, "new", "1.a.host"), "3", "bounces@example.com", "boxed@example.com", mails["boxed"].id)
	spoofed := returnMail(t, filepath.Join(box, "new", "2.b.host"), "4", "bounces@example.com", "spoofed@example.com", "<x@y>")
	if status, out = pipe(spoofed, mails["spoofed"].from); status != 75 {
		t.Errorf("without a gateway: exit %d: %s", status, out)
	}
	in.startServe()
	await(t, "the mailbox is read", func() error {
		_, err := os.Stat(boxed)
		_, kept := os.Stat(filepath.Join(box, "cur", "2.b.host:2,F"))
		if err == nil || kept != nil {
			return errors.New("its mails are as they were")
		}
		return nil
	})
	for id, outcome := range map[string]string{"piped": "blocked", "boxed": "blocked", "spoofed": "said"} {
		in.track(id, "Offered Again", "", nil)
		in.ended("again/"+id, outcome)
	}
}
