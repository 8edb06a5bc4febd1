package label

// furniture are the phrases for which C4 drops a line or a page (Raffel et al.
// 2019, arXiv 1910.10683, section 2.2: the first two lines here, its word
// "javascript" in the phrases that a page says it with), and the furniture of web
// pages: signing in, navigation, sharing, comments. 0 stands for any number.
const furniture = `enable javascript; javascript enabled; javascript is disabled; javascript disabled; javascript is required; requires javascript; javascript must be; turn on javascript;
lorem ipsum; terms of use; privacy policy; cookie policy; uses cookies; use of cookies; use cookies;
accept cookies; cookie settings; terms of service; terms and conditions; privacy notice; all rights reserved; powered by;
sign in; sign up; log in; login; log out; logout; forgot password; my account; create account; create an account;
skip to content; skip to main; skip to navigation; main menu; site map; sitemap; contact us; about us; home page; homepage; back to top; next page;
read more; learn more; view all; see all; show more; load more; view more; see more; more info;
share this; share on; follow us; like us; facebook; twitter; instagram; linkedin; pinterest; whatsapp; rss; rss feed;
subscribe; newsletter; newsletters; email address; enter your; advertisement; advertisements; sponsored; add to cart; shopping cart;
related articles; related posts; recent posts; most popular; leave a reply; leave a comment; post a comment; post comment; no comments; 0 comments; min read; help center`

// advertising is the staple of unsolicited advertising.
const advertising = `click here; click below; click on the link; click the link; click on this; unsubscribe; unsubscribed; opt out; optout; opt in; optin;
to be removed; be removed from; removed from our; remove me; mailing list; our list; our mailing; this mailing; future mailings; further mailings;
receive this; receiving this; received this; not spam; bulk email; bulk e mail; reply to this; wish to receive; like to receive;
act now; order now; order today; buy now; call now; call today; apply now; join now; visit our; visit us; sign up now; sign up today;
limited time; limited offer; special offer; this offer; offer expires; dont delay; dont miss this; while supplies last; hurry;
0 free; absolutely free; totally free; for free; free trial; free sample; free gift; free report; free offer; free quote; free shipping; free consultation; free of charge; a free; your free;
risk free; no risk; no obligation; no cost; no charge; no fee; money back; guarantee; guaranteed; satisfaction guaranteed; toll free; call 0; major credit cards; credit card; visa mastercard;
lowest price; lowest prices; lowest rates; best price; best prices; low price; low prices; save up to; 0 off; save 0; 0 per month; only 0;
earn money; earn up to; make money; making money; extra income; home based; work from home; work at home; from home; financial freedom; investment opportunity; business opportunity; this opportunity; get paid; cash flow; get rich;
million dollars; million us dollars; millions of dollars; united states dollars; mortgage rates; refinance; your debt; lose weight; weight loss; viagra; casino; you have won; winner; congratulations; confidential; dear friend; dear sir; dear sirs; dear homeowner; as seen on`
