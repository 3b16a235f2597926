package mail

import (
	"cmp"

	"github.com/tabi-journeys/tabi/internal/human"
)

// words are the texts of the pages that customers see, in one language.
type words struct {
	Preferences  string
	Choose       string
	For          string // before the masked address
	Nothing      string // of a customer who has refused all marketing
	Save         string
	Saved        string
	All          string
	AllAbout     string
	Ask          string
	Unsubscribe  string
	Done         string
	Stop         string // before the name of a topic that has ended
	StopAsk      string // before the name of a topic, and a button
	Change       string
	Skip         string
	Bad          string
	BadAbout     string
	Again        string
	AgainAbout   string
	Onward       string // of a page that leads on
	Continue     string
	Confirm      string
	ConfirmAbout string
	Yes          string
	Confirmed    string
	Ignore       string
	Expired      string
	ExpiredAbout string
	Channels     map[string]string
}

// channel returns the name of a channel for customers.
func (w *words) channel(name string) string { return cmp.Or(w.Channels[name], name) }

// wordsFor returns the texts in the first of some languages that there is, each of which may be a list as browsers send it, and the
// language they are in; else English.
func wordsFor(languages ...string) (w *words, name string) {
	for _, wanted := range languages {
		if name, ok := human.MatchLanguage(texts, wanted); ok {
			return texts[name], name
		}
	}
	return texts["en"], "en"
}

// texts has the words by language (BCP 47).
var texts = map[string]*words{
	"en": {
		Preferences: "Your preferences",
		Choose:      "Choose what you would like to get from us.",
		For:         "For",
		Nothing:     "You get no marketing messages from us. Tick what you would like to get again, and save.",
		Save:        "Save",
		Saved:       "Your choices are saved.",
		All:         "Unsubscribe from all",
		AllAbout: "You will get no more marketing messages from us, on any channel. You will still get mails about your orders " +
			"and your account.",
		Ask:         "Unsubscribe?",
		Unsubscribe: "Unsubscribe",
		Done:        "You are unsubscribed",
		Stop:        "You will get no more messages of this kind from us:",
		StopAsk:     "Press the button to get no more of these messages:",
		Change:      "Choose what you get",
		Skip:        "Skip to content",
		Bad:         "This link does not work",
		BadAbout: "It is incomplete or not one of our links. Please open it from the mail again, or reply to the mail and ask us " +
			"to stop.",
		Again:        "Please try again",
		AgainAbout:   "Your request could not be stored. Please try again in a minute.",
		Onward:       "One moment",
		Continue:     "Continue to the page",
		Confirm:      "Confirm your subscription",
		ConfirmAbout: "Press the button if you would like to get this from us:",
		Yes:          "Yes, subscribe me",
		Confirmed:    "Thank you, you are subscribed",
		Ignore:       "If you did not ask for it, close this page: nothing happens.",
		Expired:      "This link has expired",
		ExpiredAbout: "Please fill in the form again. You will get a new mail.",
		Channels: map[string]string{
			"email":    "Email",
			"push":     "Push notifications",
			"sms":      "Text messages",
			"app":      "In the app",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "Browser notifications",
		},
	},
	"ja": {
		Preferences:  "配信設定",
		Choose:       "受け取りたいお知らせをお選びください。",
		For:          "配信先：",
		Nothing:      "現在、お知らせの配信は停止されています。受け取りたいものを選んで保存してください。",
		Save:         "保存する",
		Saved:        "設定を保存しました。",
		All:          "すべての配信を停止する",
		AllAbout:     "今後、当社からのお知らせはどの方法でも届きません。ご注文やアカウントに関する大切なご連絡は引き続きお送りします。",
		Ask:          "配信を停止しますか？",
		Unsubscribe:  "配信を停止する",
		Done:         "配信を停止しました",
		Stop:         "今後、次のお知らせは届きません：",
		StopAsk:      "次のお知らせの配信を停止する場合は、ボタンを押してください：",
		Change:       "受け取るお知らせを選ぶ",
		Skip:         "本文へ移動",
		Bad:          "このリンクは使えません",
		BadAbout:     "リンクが途中で切れているか、当社のものではありません。メールからもう一度開くか、メールに返信して配信停止をお知らせください。",
		Again:        "もう一度お試しください",
		AgainAbout:   "ご希望を保存できませんでした。しばらくしてからもう一度お試しください。",
		Onward:       "少々お待ちください",
		Continue:     "ページへ進む",
		Confirm:      "登録の確認",
		ConfirmAbout: "次のお知らせを受け取る場合は、ボタンを押してください：",
		Yes:          "登録する",
		Confirmed:    "登録が完了しました",
		Ignore:       "お心当たりがない場合は、このページを閉じてください。何も登録されません。",
		Expired:      "このリンクの有効期限が切れています",
		ExpiredAbout: "お手数ですが、もう一度フォームからお申し込みください。新しいメールをお送りします。",
		Channels: map[string]string{
			"email":    "メール",
			"push":     "プッシュ通知",
			"sms":      "SMS",
			"app":      "アプリ内",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "ブラウザ通知",
		},
	},
	"de": {
		Preferences: "Ihre Einstellungen",
		Choose:      "Wählen Sie, was Sie von uns bekommen möchten.",
		For:         "Für",
		Nothing:     "Sie bekommen keine Werbung von uns. Wählen Sie, was Sie wieder bekommen möchten, und speichern Sie.",
		Save:        "Speichern",
		Saved:       "Ihre Auswahl ist gespeichert.",
		All:         "Alles abbestellen",
		AllAbout: "Sie bekommen keine Werbung mehr von uns, auf keinem Weg. Nachrichten zu Ihren Bestellungen und Ihrem Konto " +
			"bekommen Sie weiterhin.",
		Ask:         "Abmelden?",
		Unsubscribe: "Abmelden",
		Done:        "Sie sind abgemeldet",
		Stop:        "Diese Nachrichten bekommen Sie nicht mehr von uns:",
		StopAsk:     "Drücken Sie den Knopf, um diese Nachrichten abzubestellen:",
		Change:      "Auswählen, was Sie bekommen",
		Skip:        "Zum Inhalt",
		Bad:         "Dieser Link funktioniert nicht",
		BadAbout: "Er ist unvollständig oder nicht von uns. Bitte öffnen Sie ihn noch einmal aus der E-Mail, oder antworten Sie " +
			"auf die E-Mail.",
		Again:        "Bitte versuchen Sie es noch einmal",
		AgainAbout:   "Ihre Anfrage konnte nicht gespeichert werden. Bitte versuchen Sie es in einer Minute noch einmal.",
		Onward:       "Einen Moment",
		Continue:     "Weiter zur Seite",
		Confirm:      "Anmeldung bestätigen",
		ConfirmAbout: "Drücken Sie den Knopf, wenn Sie das von uns bekommen möchten:",
		Yes:          "Ja, anmelden",
		Confirmed:    "Danke, Sie sind angemeldet",
		Ignore:       "Wenn Sie nicht darum gebeten haben, schließen Sie diese Seite: Es geschieht nichts.",
		Expired:      "Dieser Link ist abgelaufen",
		ExpiredAbout: "Bitte füllen Sie das Formular noch einmal aus. Sie bekommen eine neue E-Mail.",
		Channels: map[string]string{
			"email":    "E-Mail",
			"push":     "Push-Mitteilungen",
			"sms":      "SMS",
			"app":      "In der App",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "Browser-Mitteilungen",
		},
	},
	"fr": {
		Preferences: "Vos préférences",
		Choose:      "Choisissez ce que vous souhaitez recevoir de notre part.",
		For:         "Pour",
		Nothing: "Vous ne recevez aucun message commercial de notre part. Cochez ce que vous souhaitez recevoir de nouveau, puis " +
			"enregistrez.",
		Save:  "Enregistrer",
		Saved: "Vos choix sont enregistrés.",
		All:   "Se désabonner de tout",
		AllAbout: "Vous ne recevrez plus de messages commerciaux de notre part. Vous recevrez toujours les messages sur vos " +
			"commandes et votre compte.",
		Ask:          "Se désabonner ?",
		Unsubscribe:  "Se désabonner",
		Done:         "Vous êtes désabonné",
		Stop:         "Vous ne recevrez plus ces messages de notre part :",
		StopAsk:      "Appuyez sur le bouton pour ne plus recevoir ces messages :",
		Change:       "Choisir ce que vous recevez",
		Skip:         "Aller au contenu",
		Bad:          "Ce lien ne fonctionne pas",
		BadAbout:     "Il est incomplet ou ne vient pas de nous. Ouvrez-le de nouveau depuis le message, ou répondez au message.",
		Again:        "Veuillez réessayer",
		AgainAbout:   "Votre demande n'a pas pu être enregistrée. Veuillez réessayer dans une minute.",
		Onward:       "Un instant",
		Continue:     "Continuer vers la page",
		Confirm:      "Confirmez votre abonnement",
		ConfirmAbout: "Appuyez sur le bouton si vous souhaitez recevoir ceci de notre part :",
		Yes:          "Oui, m'abonner",
		Confirmed:    "Merci, vous êtes abonné",
		Ignore:       "Si vous n'avez rien demandé, fermez cette page : il ne se passera rien.",
		Expired:      "Ce lien a expiré",
		ExpiredAbout: "Veuillez remplir de nouveau le formulaire. Vous recevrez un nouveau message.",
		Channels: map[string]string{
			"email":    "E-mail",
			"push":     "Notifications push",
			"sms":      "SMS",
			"app":      "Dans l'application",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "Notifications du navigateur",
		},
	},
	"es": {
		Preferences: "Sus preferencias",
		Choose:      "Elija lo que desea recibir de nosotros.",
		For:         "Para",
		Nothing:     "No recibe mensajes comerciales nuestros. Marque lo que desea volver a recibir y guarde.",
		Save:        "Guardar",
		Saved:       "Sus preferencias se han guardado.",
		All:         "Cancelar todas las suscripciones",
		AllAbout: "No recibirá más mensajes comerciales nuestros por ningún medio. Seguirá recibiendo los mensajes sobre sus " +
			"pedidos y su cuenta.",
		Ask:          "¿Cancelar la suscripción?",
		Unsubscribe:  "Cancelar la suscripción",
		Done:         "Suscripción cancelada",
		Stop:         "No recibirá más mensajes nuestros de este tipo:",
		StopAsk:      "Pulse el botón para no recibir más estos mensajes:",
		Change:       "Elegir lo que recibe",
		Skip:         "Ir al contenido",
		Bad:          "Este enlace no funciona",
		BadAbout:     "Está incompleto o no es nuestro. Ábralo de nuevo desde el mensaje, o responda al mensaje.",
		Again:        "Inténtelo de nuevo",
		AgainAbout:   "No se pudo guardar su solicitud. Inténtelo de nuevo en un minuto.",
		Onward:       "Un momento",
		Continue:     "Continuar a la página",
		Confirm:      "Confirme su suscripción",
		ConfirmAbout: "Pulse el botón si desea recibir esto de nosotros:",
		Yes:          "Sí, suscribirme",
		Confirmed:    "Gracias, se ha suscrito",
		Ignore:       "Si no lo ha pedido, cierre esta página: no ocurrirá nada.",
		Expired:      "Este enlace ha caducado",
		ExpiredAbout: "Rellene de nuevo el formulario. Recibirá un mensaje nuevo.",
		Channels: map[string]string{
			"email":    "Correo",
			"push":     "Notificaciones push",
			"sms":      "SMS",
			"app":      "En la aplicación",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "Notificaciones del navegador",
		},
	},
	"zh-Hans": {
		Preferences:  "订阅设置",
		Choose:       "请选择您希望收到的信息。",
		For:          "收件地址：",
		Nothing:      "您目前不会收到我们的营销信息。请选择希望重新接收的内容并保存。",
		Save:         "保存",
		Saved:        "您的选择已保存。",
		All:          "全部退订",
		AllAbout:     "您将不再通过任何渠道收到我们的营销信息。有关订单和账户的邮件仍会发送。",
		Ask:          "要退订吗？",
		Unsubscribe:  "退订",
		Done:         "您已退订",
		Stop:         "您将不再收到以下信息：",
		StopAsk:      "如果您不想再收到以下信息，请点击按钮：",
		Change:       "选择接收的内容",
		Skip:         "跳到正文",
		Bad:          "此链接无效",
		BadAbout:     "链接不完整，或者不是我们的链接。请从邮件中重新打开，或直接回复邮件。",
		Again:        "请重试",
		AgainAbout:   "未能保存您的请求。请稍后再试。",
		Onward:       "请稍候",
		Continue:     "继续前往页面",
		Confirm:      "确认订阅",
		ConfirmAbout: "如果您希望收到以下内容，请点击按钮：",
		Yes:          "确认订阅",
		Confirmed:    "谢谢，您已订阅",
		Ignore:       "如果不是您本人的请求，请关闭此页面，不会有任何变化。",
		Expired:      "此链接已过期",
		ExpiredAbout: "请重新填写表单，您会收到一封新邮件。",
		Channels: map[string]string{
			"email":    "电子邮件",
			"push":     "推送通知",
			"sms":      "短信",
			"app":      "应用内",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "浏览器通知",
		},
	},
	"ko": {
		Preferences:  "수신 설정",
		Choose:       "받고 싶은 소식을 선택해 주세요.",
		For:          "받는 주소:",
		Nothing:      "현재 마케팅 메시지를 받지 않고 계십니다. 다시 받고 싶은 소식을 선택하고 저장해 주세요.",
		Save:         "저장",
		Saved:        "설정이 저장되었습니다.",
		All:          "모두 수신 거부",
		AllAbout:     "앞으로 어떤 방법으로도 마케팅 메시지를 보내지 않습니다. 주문과 계정에 관한 메일은 계속 보내 드립니다.",
		Ask:          "수신을 거부하시겠습니까?",
		Unsubscribe:  "수신 거부",
		Done:         "수신이 거부되었습니다",
		Stop:         "앞으로 다음 소식을 보내지 않습니다:",
		StopAsk:      "다음 소식을 그만 받으려면 버튼을 눌러 주세요:",
		Change:       "받을 소식 선택",
		Skip:         "본문으로 이동",
		Bad:          "사용할 수 없는 링크입니다",
		BadAbout:     "링크가 잘렸거나 저희 링크가 아닙니다. 메일에서 다시 열거나 메일에 회신해 주세요.",
		Again:        "다시 시도해 주세요",
		AgainAbout:   "요청을 저장하지 못했습니다. 잠시 후 다시 시도해 주세요.",
		Onward:       "잠시만 기다려 주세요",
		Continue:     "페이지로 이동",
		Confirm:      "구독 확인",
		ConfirmAbout: "다음 소식을 받으시려면 버튼을 눌러 주세요:",
		Yes:          "구독하기",
		Confirmed:    "감사합니다. 구독되었습니다",
		Ignore:       "신청하지 않으셨다면 이 페이지를 닫아 주세요. 아무 일도 일어나지 않습니다.",
		Expired:      "만료된 링크입니다",
		ExpiredAbout: "양식을 다시 작성해 주세요. 새 메일을 보내 드립니다.",
		Channels: map[string]string{
			"email":    "이메일",
			"push":     "푸시 알림",
			"sms":      "문자 메시지",
			"app":      "앱",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "브라우저 알림",
		},
	},
	"ar": {
		Preferences:  "تفضيلاتك",
		Choose:       "اختر ما تود أن يصلك منا.",
		For:          "إلى",
		Nothing:      "لا تصلك منا رسائل تسويقية. ضع علامة على ما تود أن يصلك من جديد، ثم احفظ.",
		Save:         "حفظ",
		Saved:        "تم حفظ اختياراتك.",
		All:          "إلغاء الاشتراك في الكل",
		AllAbout:     "لن تصلك منا رسائل تسويقية بعد الآن بأي وسيلة. ستصلك الرسائل الخاصة بطلباتك وحسابك كالمعتاد.",
		Ask:          "هل تريد إلغاء الاشتراك؟",
		Unsubscribe:  "إلغاء الاشتراك",
		Done:         "تم إلغاء اشتراكك",
		Stop:         "لن تصلك منا هذه الرسائل بعد الآن:",
		StopAsk:      "اضغط الزر إذا كنت لا تود أن تصلك هذه الرسائل:",
		Change:       "اختر ما يصلك",
		Skip:         "انتقل إلى المحتوى",
		Bad:          "هذا الرابط لا يعمل",
		BadAbout:     "الرابط غير مكتمل أو ليس من روابطنا. افتحه من الرسالة مرة أخرى، أو رد على الرسالة.",
		Again:        "حاول مرة أخرى",
		AgainAbout:   "تعذر حفظ طلبك. حاول مرة أخرى بعد دقيقة.",
		Onward:       "لحظة من فضلك",
		Continue:     "المتابعة إلى الصفحة",
		Confirm:      "أكد اشتراكك",
		ConfirmAbout: "اضغط الزر إذا كنت تود أن يصلك هذا منا:",
		Yes:          "نعم، اشترك",
		Confirmed:    "شكرًا، تم اشتراكك",
		Ignore:       "إن لم تطلب ذلك فأغلق هذه الصفحة، ولن يحدث شيء.",
		Expired:      "انتهت صلاحية هذا الرابط",
		ExpiredAbout: "املأ النموذج مرة أخرى، وستصلك رسالة جديدة.",
		Channels: map[string]string{
			"email":    "البريد الإلكتروني",
			"push":     "إشعارات الهاتف",
			"sms":      "رسائل نصية",
			"app":      "داخل التطبيق",
			"line":     "LINE",
			"whatsapp": "WhatsApp",
			"web_push": "إشعارات المتصفح",
		},
	},
}
