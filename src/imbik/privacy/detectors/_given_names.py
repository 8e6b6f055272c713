"""Given names that are common in Turkey, folded: with a title beside it, such a word is a person.

Enters: nothing. Leaves: the names. They only tell a name from another word at the beginning of a sentence (`Dün Ahmet
Bey`), so rare names are not needed.
"""

from __future__ import annotations

GIVEN_NAMES = frozenset(
    """
    abdullah abdurrahman abdulkadir adem adil adnan ahmet ahmed akif akin ali alihan aliye alp alper alperen altan
    anil arda arif arzu asim asli asiye asya atakan atilla ayberk aybuke aycan ayca aydan aydin ayfer ayhan aykut ayla
    aylin aynur ayse aysegul aysel aysun ayten aytac azra bahar baki banu baran baris basak batuhan baver bayram bedia
    bedri begum bekir belgin belma beren berfin berk berkay berna berrin betul beyza bilal bilge binnur birol birsen
    bora buket bulent burak burcin burcu burhan busra cafer can canan caner cansu cavit celal celil cem cemal cemil
    cemile cengiz cenk ceren cevat cevdet ceyda ceyhun cigdem cihan cihat coskun cuneyt cagatay cagla caglar cagri
    davut defne demet deniz derya devrim didem dilan dilara dilek dogan dogukan duygu dursun ebru ece ecem ecrin eda
    edip efe ege ekrem elif elvan emel emin emine emir emrah emre ender engin enes enver eray ercan erdal erdem erdinc
    eren erhan erkan erman erol ersin ertan ertugrul eser esin esma esra evren eyup ezgi fadime fahri faik faruk fatih
    fatma fazil ferdi ferhat feride ferit feyza fikret fikriye filiz firat funda furkan fusun galip gamze gizem gokce
    gokhan gokmen gonca gonul gorkem gozde gul gulay gulbahar gulcan guler gulizar gulnur gulsah gulsen gulseren
    gulsum gulten gunay guney gurkan gursel guven habibe hacer haci hakan haldun halil halime halit haluk hamdi hamide
    hamza handan hande hanife harun hasan hatice haydar hayrettin hayriye hayrunnisa hazal hidayet hikmet hilal hilmi
    huriye husamettin huseyin hulya ibrahim idris ilayda ilhan ilkay ilker ilknur ilyas inci ipek irem irfan ishak
    islam ismail ismet izzet jale kaan kadir kadriye kamil kamuran kayhan kazim kemal kenan kerem kerim kevser koray
    korhan kubilay kubra kursat lale lamia latif latife levent leyla lutfi mahir mahmut makbule mazhar medine mehmet
    mehmed melahat melek melih melike melis melisa melike meltem memduh meral merve mert meryem mesut mete metehan
    metin mevlut mine miray mirac muammer mucahit mufide muge muhammed muhammet muharrem muhittin muhsin murat murathan
    musa mustafa muzaffer mukremin mujde munevver munir musab nalan namik nasuh nazan nazife nazim nazli nazmi nebahat
    necati necdet necip necla necmettin necmi nejat nermin neriman neslihan nesrin nevin nevzat nihal nihat nil nilay
    nilgun nilufer nimet niyazi nuh nur nuran nuray nurcan nurdan nurettin nurgul nurhan nuri nuriye nurten nusret
    okan oktay olcay omer onder onur orcun orhan osman ozan ozcan ozden ozge ozgur ozkan ozlem pakize pelin perihan
    pinar polat poyraz rabia rahime rahmi ramazan ramiz rasim recai recep refik resat ridvan riza rukiye rustem ruya
    sabahattin sabiha sabri sadik sadettin safiye saime sait salih saliha salim sami saniye savas sebnem seda sedat
    sedef sefa selahattin selami selcuk selda selim selin selma selman semih semiha semra sena senem serap sercan
    serdar serhat serife serkan serpil sertac serdal seval sevcan sevda sevgi sevil sevilay sevim sevinc seyfettin
    seyhan seyma sezai sezen sezer sezgin sibel sidika sinan sinem songul sonay suat sude sukran sukru sultan sumeyye
    suna suheyla suleyman sureyya saban sahin sahika saziye sule seniz sener senol serafettin serafet tahir tahsin
    talat talha tamer taner tanju tarik tarkan tayfun taylan tekin teoman tevfik tijen timur tolga tuba tufan tugba
    tugce tugrul tulay tulin tuna tuncay turan turgay turgut turhan turkan tumay ufuk ugur umit umut umran utku
    ulku ulker vahit vamik vedat vehbi veli veysel vildan volkan vural yagiz yagmur yakup yalcin yaren yasar yasemin
    yasin yavuz yeliz yeter yigit yilmaz yonca yunus yurdagul yusuf yucel yuksel zafer zahide zehra zekeriya zeki
    zekiye zeliha zerrin zeynel zeynep ziya zubeyde zuhal zuleyha zulfiye zumrut
    """.split()
)
