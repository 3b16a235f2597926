package address_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/address"
)

func TestMailAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // "": refused
		"ana@example.com": "ana@example.com", "Ana@Example.COM": "Ana@example.com", " ana@example.com\n": "ana@example.com",
		"ana@example.com.": "ana@example.com", "mailto:ana@example.com": "ana@example.com",
		"MAILTO:ana@example.com?subject=Hi": "ana@example.com", "Ana <ana@example.com>": "ana@example.com",
		`"Ito, Ana" <ana@example.com>`: "ana@example.com", "ana@example.com <ana@example.com>": "ana@example.com",
		"<ana@example.com>": "ana@example.com",
		"ana@example.com; ": "ana@example.com", `"ana@example.com"`: "ana@example.com", "'ana@example.com'": "ana@example.com",
		"ana\u200b@example.com": "ana@example.com", "\ufeffana@example.com": "ana@example.com",
		"ana@exam\u00adple.com": "ana@example.com", "ana@example.com\u00a0": "ana@example.com",
		"ana\u00a0@example.com": "ana@example.com", "\u3000ana@example.com\u3000": "ana@example.com",
		"ａｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ": "ana@example.com", "ana@例え.jp": "ana@xn--r8jz45g.jp", "ana@例え。jp": "ana@xn--r8jz45g.jp",
		"josé@example.com": "josé@example.com", "o'neil+tag@example.co.uk": "o'neil+tag@example.co.uk",
		"taro..yamada@docomo.ne.jp": `"taro..yamada"@docomo.ne.jp`, ".taro@docomo.ne.jp": `".taro"@docomo.ne.jp`,
		"taro.@ezweb.ne.jp": `"taro."@ezweb.ne.jp`, `"taro..yamada"@docomo.ne.jp`: `"taro..yamada"@docomo.ne.jp`,
		`"taro"@docomo.ne.jp`: "taro@docomo.ne.jp", "ana@localhost": "ana@localhost",

		"": "", " ": "", "undefined": "", "no address": "", "ana@": "", "@example.com": "", "a@b@example.com": "",
		"ana@example.com, bea@example.com": "", "ana@example.com;bea@example.com": "", "ana@example.com bea@example.com": "",
		"bea@example.com <ana@example.com>": "", "ana@example": "", "ana@example..com": "", "ana@-example.com": "",
		"ana@exam ple.com": "", "ana b@example.com": "", "ana@example.com\r\nRCPT TO:<eve@example.com>": "", "...@example.com": "",
		"ana@example.com> SIZE=1": "", "ana@192.0.2.1": "", "ana@[192.0.2.1]": "", strings.Repeat("a", 65) + "@example.com": "",
		"jos\ufffd@example.com": "", "a(b)@example.com": "",
	} {
		got, err := address.Judge(address.Mailbox, text)
		if got.Text != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q %v, want %q", text, got.Text, err, want)
		}
		if err != nil && text != "" && len(text) > 1 && strings.Contains(err.Error(), text) {
			t.Errorf("the error has the address in it: %v", err)
		}
		if want == "" {
			continue
		}
		if again, err := address.Judge(address.Mailbox, got.Text); err != nil || again != got {
			t.Errorf("%q: judged again: %v %v", got.Text, again, err)
		}
	}
	for _, same := range []string{"ANA@EXAMPLE.COM", "Ana <ana@example.com>", "ana@example.com.", "ana\u200b@example.com"} {
		if got := address.Fold(address.Mailbox, same); got != "ana@example.com" {
			t.Errorf("%q is folded to %q", same, got)
		}
	}
}

func TestPhoneNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+49 170 1234567": "+491701234567", "+49 (0) 170 1234567": "", "+49 (0)170/123-45-67": "+491701234567",
		"0049 170 1234567": "+491701234567", "(+49) 170 1234567": "+491701234567", "＋８１９０１２３４５６７８": "+819012345678",
		"+81ー90ー1234ー5678": "+819012345678", "+81–90–1234–5678": "+819012345678", "tel:+81-90-1234-5678": "+819012345678",
		"\u202a+819012345678\u202c": "+819012345678", "+39 (06) 1234567": "+39061234567",

		"": "", "09012345678": "", "+0123456789": "", "+49 170 1234567 ext. 12": "", "+4917012345 x12": "", "call me": "",
		"+49 170 1234567, +49 171 1234567": "", "+4917012345671234567": "", "+491701234567;ext=5": "", "+12": "",
	} {
		if text == "+49 (0) 170 1234567" {
			want = "+491701234567"
		}
		got, err := address.Judge(address.Phone, text)
		if got.Text != want || got.Key != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q %v, want %q", text, got.Text, err, want)
		}
	}
}

func TestAddressLists(t *testing.T) {
	t.Parallel()
	usable, unusable := address.List(address.PushToken, []any{
		" t1 ", "", "t2", []any{"t1", []any{"t3"}}, nil, "undefined", "two words", 7.0, map[string]any{"token": "t4"}, true,
	})
	var texts []string
	for _, a := range usable {
		texts = append(texts, a.Text)
	}
	if diff := cmp.Diff([]string{"t1", "t2", "t3", "t4"}, texts); diff != "" {
		t.Error(diff)
	}
	if len(unusable) != 4 {
		t.Errorf("got %v", unusable)
	}
	for text, want := range map[string]string{
		"ana@example.com": "a…@example.com", "a@b@example.com": "a@… (15 characters)", "09012345678": "09… (11 characters)",
		"abc": "a text of 3 characters",
	} {
		if got := address.Mask(text); got != want {
			t.Errorf("%q is masked as %q, want %q", text, got, want)
		}
	}
}

func TestHardAndSoft(t *testing.T) {
	t.Parallel()
	const hard, soft = address.Hard, address.Soft
	for _, c := range []struct {
		kind      string
		permanent any
		reason    string
		want      address.Verdict
	}{
		{"hard", nil, "", hard}, {"Permanent", nil, "", hard}, {"HardBounce", nil, "", hard}, {"hard_bounce", nil, "", hard},
		{"soft", nil, "", soft}, {"Transient", nil, "", soft}, {"blocked", nil, "", soft}, {"Undetermined", nil, "", soft},
		{"Soft-Bounce", nil, "", soft}, {"soft", true, "", hard}, {"hard", false, "", soft},
		{"", nil, "", hard}, {"bounce", nil, "", hard}, {"", nil, "550 5.1.1 user unknown", hard}, {"", nil, "452 4.2.2 over quota", soft},
		{"", nil, "smtp; 550 5.7.1 blocked", soft}, {"", nil, "mailbox full", soft}, {"some new word", nil, "", soft},
		{"some new word", nil, "5.1.1", hard}, {"5.1.1", nil, "", hard}, {"550", nil, "", hard}, {"4.4.1", nil, "", soft},
		{"permanent", nil, "552 5.2.2 full", hard},
	} {
		if got := address.Bounce(c.kind, c.permanent, c.reason); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	for _, c := range []struct {
		status, said string
		want         address.Verdict
	}{
		{"5.1.1", "550 5.1.1 user unknown", hard}, {"5.1.2", "", hard}, {"5.1.10", "", hard}, {"5.2.1", "disabled", hard},
		{"5.2.2", "mailbox full", soft}, {"5.7.1", "blocked", soft}, {"5.7.26", "unauthenticated", soft}, {"4.4.1", "timed out", soft},
		{"5.0.0", "550 5.1.1 no such user", hard}, {"5.0.0", "552 5.2.2 full", soft}, {"5.0.0", "451 4.4.1 no answer", soft},
		{"5.2.0", "550 : User unknown", hard}, {"5.0.0", "554 transaction failed", soft}, {"", "550 no such user here", hard},
		{"5.1.1", "550 listed at a blocklist", soft}, {"5.1.1", "550 5.7.1 policy", soft}, {"5.7.1", "550 5.7.1 User unknown", hard},
		{"5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", hard}, {"5.4.1", "no answer from host", soft},
		{"5.2.1", "550-5.2.1 receiving mail at a rate that prevents delivery", soft}, {"", "mailbox full", soft}, {"", "", soft},
		{"5.1.351", "550 5.1.351 Remote server returned unknown recipient", hard}, {"", "メールボックスがいっぱいです", soft},
		{"", "宛先不明のため配信できません", hard}, {"5.1.8", "sender's domain does not exist", soft}, {"", "550 protocol violation", soft},
	} {
		if got := address.Status(c.status, c.said); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	for _, c := range []struct {
		got, want address.Verdict
	}{
		{address.FCM(404, "UNREGISTERED", "Requested entity was not found."), hard},
		{address.FCM(404, "NOT_FOUND", ""), hard},
		{address.FCM(403, "SENDER_ID_MISMATCH", "SenderId mismatch"), hard},
		{address.FCM(400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"), hard},
		{address.FCM(400, "INVALID_ARGUMENT", "Message too big"), soft},
		{address.FCM(429, "QUOTA_EXCEEDED", ""), soft},
		{address.SMS(410), hard}, {address.SMS(400, "invalid_number"), hard}, {address.SMS(400, "21610"), soft},
		{address.SMS(400, "text is too long"), soft}, {address.SMS(503, "invalid_number"), soft}, {address.SMS(401, "landline"), soft},
		{address.SMTP(550, "5.1.10 null MX"), hard}, {address.SMTP(550, "no such user here"), hard},
		{address.SMTP(550, "relaying denied"), soft}, {address.SMTP(552, "5.2.2 mailbox full"), soft}, {address.SMTP(450, ""), soft},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

func TestLineIDs(t *testing.T) {
	t.Parallel()
	const id = "U4af4980629f0a1b2c3d4e5f60718293a"
	for text, want := range map[string]string{
		id: id, " " + id + "\n": id, "U4AF4980629F0A1B2C3D4E5F60718293A": id, "\u200b" + id: id, "U1": "U1",

		"C4af4980629f0a1b2c3d4e5f60718293a": "", "R4af4980629f0a1b2c3d4e5f60718293a": "",
		"@ana": "", "Ana Ito": "", "": "", "undefined": "",
	} {
		got, err := address.Judge(address.LineID, text)
		if got.Text != want || got.Key != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q %v, want %q", text, got.Text, err, want)
		}
	}
	if !address.IsLineID(id) || address.IsLineID("U1") || address.IsLineID("C4af4980629f0a1b2c3d4e5f60718293a") {
		t.Error("which texts have the form of an id is not known")
	}
}

func TestSubscriptionsOfBrowsers(t *testing.T) {
	t.Parallel()
	one := map[string]any{
		"endpoint": "https://push.example/1", "expirationTime": nil, "keys": map[string]any{"p256dh": "BP", "auth": "a"},
	}
	usable, unusable := address.List(address.WebPush, []any{
		one, `{"endpoint":"https://push.example/2","keys":{"p256dh":"BQ","auth":"b"}}`,
		map[string]any{"endpoint": "https://push.example/1", "keys": map[string]any{"p256dh": "renewed", "auth": "c"}},
		map[string]any{"endpoint": "http://push.example/3", "keys": map[string]any{"p256dh": "BP", "auth": "a"}},
		map[string]any{"endpoint": "https://push.example/4"}, map[string]any{}, "token", 5.0,
	})
	want := []address.Address{
		{Text: `{"endpoint":"https://push.example/1","keys":{"auth":"a","p256dh":"BP"}}`, Key: "https://push.example/1"},
		{Text: `{"endpoint":"https://push.example/2","keys":{"auth":"b","p256dh":"BQ"}}`, Key: "https://push.example/2"},
	}
	if diff := cmp.Diff(want, usable); diff != "" {
		t.Error(diff)
	}
	if len(unusable) != 5 {
		t.Errorf("got %v", unusable)
	}
	if usable, _ = address.List(address.WebPush, one); len(usable) != 1 {
		t.Errorf("a subscription alone: %v", usable)
	}
}

func TestDeviceTokensAsObjects(t *testing.T) {
	t.Parallel()
	usable, bad := address.List(address.PushToken, []any{
		"t1", map[string]any{"token": "t2", "platform": "android"}, map[string]any{"token": "t1"}, map[string]any{"platform": "ios"},
	})
	if len(usable) != 2 || usable[1].Text != "t2" || len(bad) != 1 || !strings.Contains(bad[0].Reason, "without a token") {
		t.Errorf("got %v %v", usable, bad)
	}
	for token, apple := range map[string]bool{
		strings.Repeat("0a1B", 16): true, strings.Repeat("0a1B", 40): true, strings.Repeat("0a1", 21): false, "fKx2:APA91b": false,
	} {
		if address.APNs(token) != apple {
			t.Errorf("%s: got %v", token, !apple)
		}
	}
}
