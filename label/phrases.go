package label

import (
	"slices"
	"strings"
	"sync"
)

// boilerplate finds the phrases for which C4 drops a line or a page (Raffel et
// al. 2019, arXiv 1910.10683, section 2.2: the first line here), and the
// furniture of web pages: signing in, navigation, sharing, comments. 0 stands
// for any number.
var boilerplate = sync.OnceValue(func() *phrases {
	return newPhrases(strings.Split(`javascript; lorem ipsum; terms of use; privacy policy; cookie policy; uses cookies; use of cookies; use cookies;
accept cookies; cookie settings; terms of service; terms and conditions; privacy notice; all rights reserved; powered by;
sign in; sign up; log in; login; log out; logout; forgot password; my account; create account; create an account;
skip to content; skip to main; skip to navigation; main menu; site map; sitemap; contact us; about us; home page; homepage; back to top; next page;
read more; learn more; view all; see all; show more; load more; view more; see more; more info;
share this; share on; follow us; like us; facebook; twitter; instagram; linkedin; pinterest; whatsapp; rss; rss feed;
subscribe; newsletter; newsletters; email address; enter your; advertisement; advertisements; sponsored; add to cart; shopping cart;
related articles; related posts; recent posts; most popular; leave a reply; leave a comment; post a comment; post comment; no comments; 0 comments; min read; help center`, ";"))
})

// advert finds the staple of unsolicited advertising.
var advert = sync.OnceValue(func() *phrases {
	return newPhrases(strings.Split(`click here; click below; click on the link; click the link; click on this; unsubscribe; unsubscribed; opt out; optout; opt in; optin;
to be removed; be removed from; removed from our; remove me; mailing list; our list; our mailing; this mailing; future mailings; further mailings;
receive this; receiving this; received this; not spam; bulk email; bulk e mail; reply to this; wish to receive; like to receive;
act now; order now; order today; buy now; call now; call today; apply now; join now; visit our; visit us; sign up now; sign up today;
limited time; limited offer; special offer; this offer; offer expires; dont delay; dont miss this; while supplies last; hurry;
0 free; absolutely free; totally free; for free; free trial; free sample; free gift; free report; free offer; free quote; free shipping; free consultation; free of charge; a free; your free;
risk free; no risk; no obligation; no cost; no charge; no fee; money back; guarantee; guaranteed; satisfaction guaranteed; toll free; call 0; major credit cards; credit card; visa mastercard;
lowest price; lowest prices; lowest rates; best price; best prices; low price; low prices; save up to; 0 off; save 0; 0 per month; only 0;
earn money; earn up to; make money; making money; extra income; home based; work from home; work at home; from home; financial freedom; investment opportunity; business opportunity; this opportunity; get paid; cash flow; get rich;
million dollars; million us dollars; millions of dollars; united states dollars; mortgage rates; refinance; your debt; lose weight; weight loss; viagra; casino; you have won; winner; congratulations; confidential; dear friend; dear sir; dear sirs; dear homeowner; as seen on`, ";"))
})

// you finds the words that address the reader.
var you = sync.OnceValue(func() *phrases {
	return newPhrases(strings.Split("you,your,yours,we,our,us", ","))
})

// phrases finds sequences of words in a scanned text.
type phrases struct {
	starts [4096]bool // by the first word's hash: worth a look into rest
	rest   map[uint64][][]uint64
}

func newPhrases(texts []string) *phrases {
	p := &phrases{rest: map[uint64][][]uint64{}}
	for _, text := range texts {
		var d doc
		if d.scan(text); d.words == 0 {
			continue
		}
		first := d.hash[0]
		p.starts[first%4096] = true
		p.rest[first] = append(p.rest[first], d.hash[1:])
	}
	return p
}

// count returns how many of a text's words begin a phrase.
func (p *phrases) count(hash []uint64) int {
	n := 0
	for i, h := range hash {
		if p.starts[h%4096] && p.begins(hash[i:]) {
			n++
		}
	}
	return n
}

func (p *phrases) begins(hash []uint64) bool {
	for _, rest := range p.rest[hash[0]] {
		if len(rest) < len(hash) && slices.Equal(rest, hash[1:1+len(rest)]) {
			return true
		}
	}
	return false
}
