package text

import "strings"

// everyday are sentences about nothing in particular, in the most written languages. With few examples they show
// which words say little, and what messages about something else look like. None is a greeting, thanks, a yes or a
// no: those may be somebody's intents.
const everyday = `
The train was on time this morning and there were not many people in it.
She has two brothers who live in a small town near the sea.
I do not know what they were talking about when we came into the room.
He would have gone with us if it had not been so far from here.
What time does the film start, and where are we going to meet?
Can you tell me who wrote this book and when it was made?
It is going to be cold tomorrow, so take a coat with you.
My sister is learning to play the piano, but she has no time for it.
We had some bread and soup for lunch and then went for a walk.
How do you make a cake that does not fall when you take it out?
They said that it will be open until six on all days of the week.
You should see the mountains in winter, they are just like in a picture.
I have been there once before, but I would not go again.
Is there anything good on tonight, or shall we just read?
This is the first of three parts, and the others will come later.
Please let me have a look at what you did with the garden.
Why is the sky blue and how far away is the moon?
Could you help me to get this onto the top of the cupboard?
I want to know more about how birds find their way.
I would like to see the world from above, if only for a day.
There is a cat on the roof and nobody knows how it got up there.
The dog is sleeping under the table after a long day in the park.
Where did you find that song, and what is its name?
I need to get up early because the first lesson is at seven.
Das Wetter war gestern schön, aber heute wird es wohl regnen.
Wir haben uns lange nicht gesehen, und er hat sich sehr verändert.
Ich weiß nicht, wann der Zug kommt und ob wir noch einen Platz bekommen.
Sie wohnt mit ihren Kindern in einem kleinen Haus am Rand der Stadt.
Kannst du mir sagen, wer das Buch geschrieben hat und wie es heißt?
Das ist nicht so einfach, wie es auf den ersten Blick aussieht.
Ich möchte wissen, warum der Himmel blau ist.
Was gibt es heute zum Essen, und wo ist mein Mantel?
Mein Bruder hat einen Hund, der immer bei ihm im Zimmer ist.
Il fait froid ce matin et les enfants sont déjà partis à l'école.
Je ne sais pas où elle habite ni quand elle va revenir.
Nous avons mangé dans un petit restaurant près de la mer.
Est-ce que tu peux me dire qui a écrit ce livre et pourquoi ?
C'est la première fois que je vois une chose pareille de ma vie.
Je voudrais savoir combien de temps il faut pour aller là-bas.
Mon frère a un chien qui dort toujours sous la table.
Quelle heure est-il, et qu'est-ce qu'on fait ce soir ?
El tren llegó a tiempo y no había mucha gente en la estación.
No sé dónde vive ni cuándo va a volver a su casa.
Quiero saber por qué el cielo es azul y a qué distancia está la luna.
Mi hermana tiene dos hijos que estudian en la ciudad.
¿Me puedes decir quién escribió este libro y cómo se llama?
Ayer hizo mucho calor, pero hoy está lloviendo otra vez.
Es la primera vez que veo una cosa así en mi vida.
Oggi fa freddo e i bambini sono già andati a scuola.
Non so dove abita né quando torna a casa con la sua famiglia.
Vorrei sapere perché il cielo è blu e che ore sono adesso.
Mio fratello ha un cane che dorme sempre sotto il tavolo.
Ontem fez muito calor, mas hoje está a chover outra vez.
Eu não sei onde ela mora nem quando vai voltar para casa.
Quero saber por que o céu é azul e como se chama este livro.
O meu irmão tem um cão que dorme sempre debaixo da mesa.
Het weer was gisteren mooi, maar vandaag gaat het weer regenen.
Ik weet niet waar zij woont en wanneer de trein hier is.
Kun je mij zeggen wie dit boek heeft geschreven en hoe het heet?
Mijn broer heeft een hond die altijd onder de tafel slaapt.
Jag vet inte var hon bor eller när tåget kommer hit.
Det er koldt i dag, og børnene er allerede gået i skole.
Min bror har en hund som alltid sover under bordet.
Nie wiem, gdzie ona mieszka i kiedy przyjedzie pociąg.
Wczoraj było bardzo ciepło, ale dzisiaj znowu pada deszcz.
Mój brat ma psa, który zawsze śpi pod stołem.
Hava dün çok güzeldi ama bugün yine yağmur yağıyor.
Kardeşimin her zaman masanın altında uyuyan bir köpeği var.
Nevím, kde bydlí a kdy přijede vlak do města.
Я не знаю, где она живёт и когда приедет поезд.
Вчера было очень тепло, а сегодня опять идёт дождь.
У моего брата есть собака, которая всегда спит под столом.
Сколько времени, и что мы будем делать сегодня вечером?
Я не знаю, де вона живе і коли приїде потяг.
لا أعرف أين تسكن ومتى يصل القطار إلى المدينة.
كان الجو حارا أمس ولكن المطر ينزل اليوم مرة أخرى.
मुझे नहीं पता कि वह कहाँ रहती है और गाड़ी कब आएगी।
कल बहुत गर्मी थी लेकिन आज फिर बारिश हो रही है।
Saya tidak tahu di mana dia tinggal dan kapan kereta itu datang.
Kemarin cuacanya panas, tetapi hari ini hujan lagi.
Tôi không biết cô ấy sống ở đâu và khi nào tàu đến.
Hôm qua trời rất nóng nhưng hôm nay lại mưa.
今日の天気はとても良かったですが、明日は雨が降るでしょう。
彼女がどこに住んでいるのか、いつ帰ってくるのか分かりません。
この本を書いたのは誰ですか、名前を教えてもらえますか。
弟は犬を飼っていて、その犬はいつも机の下で寝ています。
昨日は友達と海の近くの小さな店で昼ご飯を食べました。
空はなぜ青いのか、月までどのくらい遠いのか知りたいです。
電車は何時に来ますか、どこで会いましょうか。
山の上から見ると、町はまるで絵のように見えます。
妹はピアノを習っていますが、時間がありません。
こんなものを見たのは生まれて初めてだと思います。
今天的天气很好，但是明天可能会下雨。
我不知道她住在哪里，也不知道火车什么时候来。
这本书是谁写的，你能告诉我它叫什么名字吗？
我弟弟有一只狗，它总是睡在桌子下面。
今天的天氣很好，但是明天可能會下雨。
昨天我們在海邊的小店吃了午飯，然後去散步。
어제는 날씨가 아주 좋았지만 오늘은 또 비가 옵니다.
그녀가 어디에 사는지, 기차가 언제 오는지 모르겠어요.
이 책을 누가 썼는지, 이름이 무엇인지 알려 주세요.
내 동생은 항상 책상 밑에서 자는 개를 키우고 있어요.
ฉันไม่รู้ว่าเธออยู่ที่ไหนและรถไฟจะมาเมื่อไหร่
เมื่อวานอากาศร้อนมาก แต่วันนี้ฝนตกอีกแล้ว
`

// background adds the everyday sentences as texts of no intent.
func (c *corpus) background() {
	for line := range strings.Lines(everyday) {
		if text := normalize(line); hasContent(text) {
			c.texts, c.labels = append(c.texts, text), append(c.labels, -1)
		}
	}
}
