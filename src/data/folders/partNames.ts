/** Names of the validation part, the best first. */
export const VAL_NAMES = ['val', 'valid', 'validation', 'dev', 'test'] as const;

/** What a folder, a file or a cell of a column split may say of its images. */
export type PartName = 'train' | (typeof VAL_NAMES)[number];

/**
 * Words for a part, without accents, as people write them in the languages that data sets come in: as a stem where words of that
 * language are inflected or joined (Trainingsdaten, entrenamiento), marked by a star.
 */
const WORDS: Readonly<Record<'train' | 'validation' | 'test', string>> = {
  train:
    'train trains training trainings* trn trainset trainingset traindata trainingdata* trainimages trainval ' +
    'entrain* apprentissage entren* treino* treinament* addestr* allenamento trenin* trenov* treno* uczen* uczac* egitim* latih pelatihan ' +
    'oving opplaering traning* koulutus обуч* трен* учебн* 训练* 訓練* 学習* 훈련* 학습* تدريب* אימון*',
  validation:
    'val valid validate validating validations vld valset valdata validset validationset validationdata valimages dev devset develop development eval evals evaluate evaluation ' +
    'evaluationset validier* validac* validaz* validat* validaci* walidac* overovac* validovac* dogrulama* validasi valider* convalid* ' +
    'валид* провер* 验证* 驗證* 検証* 검증* تحقق* אימות*',
  test:
    'test tests testing tst testset testingset testdata testingdata testimages testdaten publictest privatetest holdout heldout ' +
    'prueb* teste testes prova prove tester testow* testov* uji pengujian тест* 测试* 測試* テスト* 시험* 테스트* اختبار* בדיקה*',
};

/** Words that say nothing beside a part's name: seg_train, training_set, train2017, images-val, x_test. */
const FILLERS = new Set(
  (
    'set sets data dataset datasets image images img imgs im pic pics picture pictures photo photos jpg jpeg png file files folder ' +
    'seg split splits part subset class classes classification cls imagenet ilsvrc coco cifar cinic mini tiny small full large final ' +
    'public private new raw clean cleaned original orig resized cropped augmented aug balanced sample samples shard shards of x y the a and ' +
    'ensemble satz daten bilder conjunto datos donnees dados dati zbior simple rgb gray grey color px'
  ).split(' '),
);

type Kind = keyof typeof WORDS;

const STEMS = Object.entries(WORDS).flatMap(([kind, words]) =>
  words
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ kind: kind as Kind, word: plain(word.replace('*', '')), stem: word.endsWith('*') })),
);

/** In lower case and without accents, whether they are letters of their own or stand beside them. */
function plain(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').replace(/ı/g, 'i').replace(/ø/g, 'o').toLowerCase();
}

function kindOf(word: string): Kind | undefined {
  const exact = STEMS.find((one) => one.word === word);
  return (exact ?? STEMS.find((one) => one.stem && word.startsWith(one.word)))?.kind;
}

/** The words of a name: cut at signs, digits and where a capital follows a small letter (seg_train2, TrainSet). */
const wordsOf = (name: string): string[] =>
  name
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .split(/[^\p{L}\p{M}]+/u)
    .map(plain)
    .filter((word) => word !== '');

/** The one part that words name; undefined where they name none, or two. */
function only(kinds: readonly (Kind | undefined)[]): Kind | undefined {
  const found = new Set(kinds.filter((kind) => kind !== undefined));
  return found.size === 1 ? [...found][0] : undefined;
}

/** The name of a part as VAL_NAMES has it: val before valid before validation, where a place has more than one. */
function partNamed(kind: Kind, words: readonly string[]): PartName {
  if (kind === 'train' || kind === 'test') return kind;
  return VAL_NAMES.find((name) => words.includes(name)) ?? 'validation';
}

/**
 * The part that a folder is by its name, in whatever case: train, training, seg_train, training_set, Validation, test2017. All its
 * words must be a part's or say nothing, so that a class called "test tube" is none.
 */
export function partOfWord(name: string): PartName | undefined {
  const words = wordsOf(name);
  const kinds = words.map(kindOf);
  if (!words.every((word, i) => kinds[i] !== undefined || FILLERS.has(word))) return undefined;
  const kind = only(kinds);
  return kind && partNamed(kind, words);
}

/** The part that a file is by its name, in which a word for it is enough: train-00000-of-00004, dogs_val. */
export function partOfFile(name: string): PartName | undefined {
  const words = wordsOf(name);
  const kind = only(words.map(kindOf));
  return kind && partNamed(kind, words);
}

/** Names of folders that are no class beside class folders of a part: they are left out, and told. */
const ASIDE =
  /^(un(labell?ed|annotated|supervised|sup)|extra|masks?|annotations?|labels?|submissions?|predictions?|pred|inference|seg_pred)$/i;

export const isAside = (name: string): boolean => ASIDE.test(name);
