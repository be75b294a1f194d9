"""Everyday text in many languages, and the code pages in which people keep it: what the guesser is measured with."""

# ruff: noqa: RUF001  # letters of other scripts are the point

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

# Language: its code pages, then texts of different subjects. Each text can be written in each of the code pages.
LANGUAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "German": (
        ("cp1252", "iso8859-15", "cp850", "mac_roman"),
        (
            "Die Kündigungsfrist beträgt drei Monate. Der Mieter muss die Schlüssel übergeben und für Schäden haften.",
            "Für den Käsekuchen braucht man Eier, Öl, Süßrahm und Äpfel. Heiß in die Röhre schieben, später abkühlen.",
        ),
    ),
    "French": (
        ("cp1252", "iso8859-15", "cp850", "mac_roman"),
        (
            "Le propriétaire a reçu la dernière facture d'électricité à l'été, où elle fut réglée grâce à la société.",
            "La bibliothèque est fermée le dimanche. Les élèves peuvent déjà réserver les sièges à côté de l'entrée.",
        ),
    ),
    "Spanish": (
        ("cp1252", "iso8859-15"),
        (
            "El niño pidió información sobre la estación. ¿Dónde está el autobús? Mañana saldrá más temprano.",
            "La compañía pagó la última factura en línea; el señor Núñez recibió también una devolución rápida.",
        ),
    ),
    "Portuguese": (
        ("cp1252", "iso8859-15"),
        (
            "A reunião não começou às três horas. As informações estão disponíveis na página da fundação.",
            "O irmão de João comprou pão, maçãs e açúcar. Amanhã haverá uma exposição no salão da prefeitura.",
        ),
    ),
    "Swedish": (
        ("cp1252", "iso8859-15"),
        (
            "Hyresgästen får säga upp avtalet när som helst. Räkningen måste betalas före månadens slut.",
            "Över sjön går en båt från ön till Göteborg. Där köper många äpplen, ägg och färskt bröd på våren.",
        ),
    ),
    "Finnish": (
        ("cp1252", "iso8859-15"),
        (
            "Työntekijä jää lomalle kesäkuussa. Hän pyysi lisää aikaa, että työ tehtäisiin hyvin ja selvästi.",
            "Tämä päätös tuli voimaan sen jälkeen, kun äänestys päättyi. Yhtiö pitää kiinni hinnoistaan.",
        ),
    ),
    "Polish": (
        ("cp1250", "iso8859-2"),
        (
            "Umowa najmu wygasa z końcem miesiąca. Właściciel zwróci kaucję, jeżeli mieszkanie będzie w dobrym stanie.",
            "Ciężarówka jechała przez Śląsk do Gdańska. Kierowca zjadł żurek i wypił gorącą herbatę w małym barze.",
        ),
    ),
    "Czech": (
        ("cp1250", "iso8859-2"),
        (
            "Příliš žluťoučký kůň úpěl ďábelské ódy. Nájemce je povinen zaplatit účet do konce měsíce.",
            "Vlak do Plzně odjíždí v pět hodin. Děti si hrají na hřišti a babička peče švestkový koláč.",
        ),
    ),
    "Slovak": (
        ("cp1250", "iso8859-2"),
        (
            "Zmluva sa končí posledným dňom mesiaca. Nájomca môže požiadať o vrátenie peňazí do štrnástich dní.",
            "V Košiciach dnes prší, ale zajtra bude pekne. Včera sme boli na výlete pri rieke a jedli čučoriedky.",
        ),
    ),
    "Hungarian": (
        ("cp1250", "iso8859-2"),
        (
            "A bérlő köteles a számlát időben kifizetni. A szerződés megszűnik, ha a felek közösen így döntenek.",
            "Győrből Szegedre reggel indul a következő vonat. Az idős hölgy főzött egy nagy fazék gulyást a fiúknak.",
        ),
    ),
    "Croatian": (
        ("cp1250", "iso8859-2"),
        (
            "Najmoprimac plaća račun do kraja mjeseca. Ugovor prestaje važiti kada to odluče obje stranke.",
            "Šuma je bila tiha, a žuto lišće šuštalo je pod nogama. Đak je kupio čašu voćnog soka i otišao kući.",
        ),
    ),
    "Slovenian": (
        ("cp1250", "iso8859-2"),
        (
            "Najemnik mora račun plačati do konca meseca. Če želi odpovedati pogodbo, pošlje pisno obvestilo.",
            "V nedeljo smo šli čez most v staro mestno središče. Žena je kupila češnje, mož pa svež kruh in sir.",
        ),
    ),
    "Romanian": (
        ("cp1250", "iso8859-2", "iso8859-16"),
        (
            "Chiriaşul plăteşte factura înainte de sfârşitul lunii. Contractul încetează dacă părţile hotărăsc astfel.",
            "În piaţă se vând mere, brânză şi pâine proaspătă. Bunica a făcut o ciorbă fierbinte pentru toţi băieţii.",
        ),
    ),
    "Turkish": (
        ("cp1254", "iso8859-9"),
        (
            "Kiracı faturayı ay sonuna kadar öder. Sözleşme, iki tarafın yazılı isteği üzerine sona erdirilir.",
            "İzmir'den kalkan gemi Çeşme'ye doğru yola çıktı. Yağmur başlayınca şemsiyemi açıp durağa koştum.",
        ),
    ),
    "Russian": (
        ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac_cyrillic"),
        (
            "Договор аренды прекращается в конце месяца. Арендатор обязан оплатить счёт и вернуть ключи.",
            "Поезд в Казань отходит вечером. Бабушка испекла пирог с яблоками, а дети играют во дворе.",
        ),
    ),
    "Ukrainian": (
        ("cp1251", "koi8-u"),
        (
            "Договір оренди закінчується наприкінці місяця. Мешканець повинен сплатити рахунок і повернути ключі.",
            "Потяг до Львова вирушає ввечері. Бабуся спекла пиріг із яблуками, а діти ще граються на подвір'ї.",
        ),
    ),
    "Bulgarian": (
        ("cp1251", "iso8859-5"),
        (
            "Договорът за наем изтича в края на месеца. Наемателят трябва да плати сметката и да върне ключовете.",
            "Влакът за Пловдив тръгва вечерта. Баба опече баница със сирене, а децата играят на двора.",
        ),
    ),
    "Serbian": (
        ("cp1251",),
        (
            "Уговор о закупу престаје да важи крајем месеца. Закупац је дужан да плати рачун и врати кључеве.",
            "Воз за Ниш полази увече. Бака је испекла питу са јабукама, а деца се још играју у дворишту.",
        ),
    ),
    "Greek": (
        ("cp1253", "iso8859-7"),
        (
            "Η σύμβαση μίσθωσης λήγει στο τέλος του μήνα. Ο ενοικιαστής πρέπει να πληρώσει τον λογαριασμό.",
            "Το πλοίο για την Κρήτη φεύγει το βράδυ. Η γιαγιά έφτιαξε πίτα με τυρί και τα παιδιά παίζουν έξω.",
        ),
    ),
    "Hebrew": (
        ("cp1255", "iso8859-8"),
        (
            "חוזה השכירות מסתיים בסוף החודש. השוכר חייב לשלם את החשבון ולהחזיר את המפתחות.",
            "הרכבת לחיפה יוצאת בערב. סבתא אפתה עוגה עם תפוחים והילדים משחקים בחצר.",
        ),
    ),
    "Arabic": (
        ("cp1256", "iso8859-6"),
        (
            "ينتهي عقد الإيجار في نهاية الشهر. يجب على المستأجر أن يدفع الفاتورة وأن يعيد المفاتيح إلى المالك.",
            "يغادر القطار إلى الإسكندرية في المساء. خبزت الجدة فطيرة بالتفاح والأطفال يلعبون في الساحة.",
        ),
    ),
    "Persian": (
        ("cp1256",),
        (
            "قرارداد اجاره در پايان ماه تمام مي شود. مستاجر بايد صورت حساب را بپردازد و کليدها را پس بدهد.",
            "قطار تهران شب حرکت مي کند. مادربزرگ با سيب و گردو کيک پخت و بچه ها در حياط بازي مي کنند.",
        ),
    ),
    "Thai": (
        ("cp874", "tis_620"),
        (
            "สัญญาเช่าสิ้นสุดในวันสุดท้ายของเดือน ผู้เช่าต้องชำระเงินและคืนกุญแจให้เจ้าของบ้าน",
            "รถไฟไปเชียงใหม่ออกตอนเย็น คุณยายทำขนมกล้วยให้เด็กที่กำลังเล่นอยู่หน้าบ้าน",
        ),
    ),
    "Vietnamese": (
        ("cp1258",),
        (
            "Hợp đồng thuê nhà hết hạn vào cuối tháng. Người thuê phải trả tiền và trả lại chìa khóa cho chủ nhà.",
            "Chuyến tàu đi Huế khởi hành buổi tối. Bà nội nấu một nồi phở nóng cho các cháu đang chơi ngoài sân.",
        ),
    ),
    "Japanese": (
        ("cp932", "euc_jp", "iso2022_jp"),
        (
            "賃貸契約は月末に終了します。借主は料金を支払い、鍵を返さなければなりません。",
            "京都行きの電車は夕方に出発する。おばあさんはリンゴのケーキを焼き、子供たちは庭で遊んでいる。",
        ),
    ),
    "Chinese, simplified": (
        ("gb18030", "gbk", "gb2312"),
        (
            "租赁合同在月底到期。承租人应当支付账单并归还钥匙，否则押金不予退还。",
            "开往上海的火车晚上出发。奶奶做了苹果蛋糕，孩子们还在院子里玩耍。",
        ),
    ),
    "Chinese, traditional": (
        ("big5", "cp950"),
        (
            "租賃合約在月底到期。承租人應當支付帳單並歸還鑰匙，否則押金不予退還。",
            "開往臺北的火車晚上出發。奶奶做了蘋果蛋糕，孩子們還在院子裡玩耍。",
        ),
    ),
    "Korean": (
        ("cp949", "euc_kr"),
        (
            "임대차 계약은 이번 달 말에 끝납니다. 세입자는 요금을 내고 열쇠를 돌려주어야 합니다.",
            "부산으로 가는 기차는 저녁에 출발한다. 할머니는 사과 케이크를 구웠고 아이들은 마당에서 놀고 있다.",
        ),
    ),
    "Estonian": (
        ("cp1257", "iso8859-13"),
        (
            "Üürileping lõpeb kuu viimasel päeval. Üürnik peab arve õigel ajal tasuma ja võtmed tagasi andma.",
            "Rong Tartusse väljub õhtul. Vanaema küpsetas õunakooki ja lapsed mängivad veel õues.",
        ),
    ),
    "Latvian": (
        ("cp1257", "iso8859-13"),
        (
            "Īres līgums beidzas mēneša pēdējā dienā. Īrniekam jāsamaksā rēķins un jāatdod atslēgas īpašniekam.",
            "Vilciens uz Rīgu atiet vakarā. Vecmāmiņa izcepa ābolu kūku, un bērni vēl spēlējas pagalmā.",
        ),
    ),
    "Lithuanian": (
        ("cp1257", "iso8859-13"),
        (
            "Nuomos sutartis baigiasi paskutinę mėnesio dieną. Nuomininkas turi apmokėti sąskaitą ir grąžinti raktus.",
            "Traukinys į Kauną išvyksta vakare. Močiutė iškepė obuolių pyragą, o vaikai dar žaidžia kieme.",
        ),
    ),
}


class Sample(NamedTuple):
    """A small file: what it is called, its text, and the code page that its bytes are in."""

    language: str
    name: str
    encoding: str
    text: str

    @property
    def data(self) -> bytes:
        """Its bytes."""
        match self.encoding:
            case "iso8859-16":  # calls two of Romania's letters otherwise
                return self.text.translate(str.maketrans("şŞţŢ", "șȘțȚ")).encode(self.encoding)
            case "cp1258":  # writes most of Vietnam's letters in two parts
                return "".join(map(_letter_and_tone, self.text)).encode(self.encoding)
            case _:
                return self.text.encode(self.encoding)


def small_files() -> Iterator[Sample]:
    """Each text as running text, as a table that is mostly digits and ASCII, and in a comment of source code."""
    for language, (encodings, texts) in LANGUAGES.items():
        for number, text in enumerate(texts):
            for encoding in encodings:
                yield Sample(language, f"{number}.txt", encoding, text + "\n")
                yield Sample(language, f"{number}.csv", encoding, _table(text))
                yield Sample(language, f"{number}.py", encoding, _source(text))


def _letter_and_tone(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    tone = next((part for part in parts if part in "\u0300\u0301\u0303\u0309\u0323"), "")
    return unicodedata.normalize("NFC", parts.replace(tone, "")) + tone if tone else character


def _table(text: str) -> str:
    parts = text.split() if " " in text else [text[at : at + 4] for at in range(0, len(text), 4)]
    rows = (
        f"{row},{part.strip(',')},{row * 37.25:.2f},2024-03-{row % 28 + 1:02}\r\n" for row, part in enumerate(parts)
    )
    return "id,name,amount,date\r\n" + "".join(rows)


def _source(text: str) -> str:
    return (
        "import os\nimport sys\n\n\ndef main(argv):\n    # " + text + "\n"
        "    for name in os.listdir(argv[1]):\n        print(name, len(name), sys.path)\n    return 0\n"
    )
