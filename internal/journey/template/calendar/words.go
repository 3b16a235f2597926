// Package calendar holds the names of months and days by CLDR.
package calendar

import (
	"sync"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/ar"
	"github.com/go-playground/locales/bg"
	"github.com/go-playground/locales/bn"
	"github.com/go-playground/locales/ca"
	"github.com/go-playground/locales/cs"
	"github.com/go-playground/locales/da"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/el"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/et"
	"github.com/go-playground/locales/eu"
	"github.com/go-playground/locales/fa"
	"github.com/go-playground/locales/fi"
	"github.com/go-playground/locales/fil"
	"github.com/go-playground/locales/fr"
	"github.com/go-playground/locales/gl"
	"github.com/go-playground/locales/he"
	"github.com/go-playground/locales/hi"
	"github.com/go-playground/locales/hr"
	"github.com/go-playground/locales/hu"
	"github.com/go-playground/locales/id"
	"github.com/go-playground/locales/is"
	"github.com/go-playground/locales/it"
	"github.com/go-playground/locales/ja"
	"github.com/go-playground/locales/ko"
	"github.com/go-playground/locales/lt"
	"github.com/go-playground/locales/lv"
	"github.com/go-playground/locales/ms"
	"github.com/go-playground/locales/nb"
	"github.com/go-playground/locales/nl"
	"github.com/go-playground/locales/pl"
	"github.com/go-playground/locales/pt"
	"github.com/go-playground/locales/ro"
	"github.com/go-playground/locales/ru"
	"github.com/go-playground/locales/sk"
	"github.com/go-playground/locales/sl"
	"github.com/go-playground/locales/sr"
	"github.com/go-playground/locales/sv"
	"github.com/go-playground/locales/sw"
	"github.com/go-playground/locales/ta"
	"github.com/go-playground/locales/th"
	"github.com/go-playground/locales/tr"
	"github.com/go-playground/locales/uk"
	"github.com/go-playground/locales/ur"
	"github.com/go-playground/locales/vi"
	"github.com/go-playground/locales/zh"
	"github.com/go-playground/locales/zh_Hant"
	"golang.org/x/text/language"
)

// dictionaries hold the names of months and days by CLDR, in the languages that the filter date writes. The first is
// used for all others.
var dictionaries = []struct {
	tag   string
	words func() locales.Translator
}{
	{"en", sync.OnceValue(en.New)},
	{"ar", sync.OnceValue(ar.New)},
	{"bg", sync.OnceValue(bg.New)},
	{"bn", sync.OnceValue(bn.New)},
	{"ca", sync.OnceValue(ca.New)},
	{"cs", sync.OnceValue(cs.New)},
	{"da", sync.OnceValue(da.New)},
	{"de", sync.OnceValue(de.New)},
	{"el", sync.OnceValue(el.New)},
	{"es", sync.OnceValue(es.New)},
	{"et", sync.OnceValue(et.New)},
	{"eu", sync.OnceValue(eu.New)},
	{"fa", sync.OnceValue(fa.New)},
	{"fi", sync.OnceValue(fi.New)},
	{"fil", sync.OnceValue(fil.New)},
	{"fr", sync.OnceValue(fr.New)},
	{"gl", sync.OnceValue(gl.New)},
	{"he", sync.OnceValue(he.New)},
	{"hi", sync.OnceValue(hi.New)},
	{"hr", sync.OnceValue(hr.New)},
	{"hu", sync.OnceValue(hu.New)},
	{"id", sync.OnceValue(id.New)},
	{"is", sync.OnceValue(is.New)},
	{"it", sync.OnceValue(it.New)},
	{"ja", sync.OnceValue(ja.New)},
	{"ko", sync.OnceValue(ko.New)},
	{"lt", sync.OnceValue(lt.New)},
	{"lv", sync.OnceValue(lv.New)},
	{"ms", sync.OnceValue(ms.New)},
	{"nb", sync.OnceValue(nb.New)},
	{"nl", sync.OnceValue(nl.New)},
	{"pl", sync.OnceValue(pl.New)},
	{"pt", sync.OnceValue(pt.New)},
	{"ro", sync.OnceValue(ro.New)},
	{"ru", sync.OnceValue(ru.New)},
	{"sk", sync.OnceValue(sk.New)},
	{"sl", sync.OnceValue(sl.New)},
	{"sr", sync.OnceValue(sr.New)},
	{"sv", sync.OnceValue(sv.New)},
	{"sw", sync.OnceValue(sw.New)},
	{"ta", sync.OnceValue(ta.New)},
	{"th", sync.OnceValue(th.New)},
	{"tr", sync.OnceValue(tr.New)},
	{"uk", sync.OnceValue(uk.New)},
	{"ur", sync.OnceValue(ur.New)},
	{"vi", sync.OnceValue(vi.New)},
	{"zh", sync.OnceValue(zh.New)},
	{"zh-Hant", sync.OnceValue(zh_Hant.New)},
}

var matcher = sync.OnceValue(func() language.Matcher {
	tags := make([]language.Tag, len(dictionaries))
	for i, d := range dictionaries {
		tags[i] = language.MustParse(d.tag)
	}
	return language.NewMatcher(tags)
})

// Words returns the names of months and days in a language by BCP 47; nil for English and for languages without names here.
func Words(locale string) locales.Translator {
	if locale == "en" {
		return nil
	}
	_, i, confidence := matcher().Match(language.Make(locale))
	if i == 0 || confidence == language.No {
		return nil
	}
	return dictionaries[i].words()
}
