# taskcode_lmeval.py - stand-ins of `lm_eval` and `evaluate`: the names that task files import.
import re


class Filter:
    def __init__(self, **kwargs):
        pass

    def apply(self, resps, docs):
        return resps


class RegexFilter(Filter):
    """The last step of many pipelines: text that a pattern finds, else the fallback."""

    def __init__(self, regex_pattern=r'#### (\-?[0-9\.\,]+)', group_select=0, fallback='[invalid]'):
        self.regex_pattern, self.regex = regex_pattern, re.compile(regex_pattern)
        self.group_select, self.fallback = group_select, fallback

    def pick(self, text):
        found = self.regex.findall(text if isinstance(text, str) else '')
        if not found:
            return self.fallback
        hit = found[self.group_select]
        if isinstance(hit, tuple):
            hit = next((part for part in hit if part), self.fallback)
        return hit.strip()

    def apply(self, resps, docs):
        return [[self.pick(text) for text in some] for some in resps]


class Each(Filter):
    def apply(self, resps, docs):
        return [[self.change(text) for text in some] for some in resps]


class WhitespaceFilter(Each):
    @staticmethod
    def change(text):
        return text.strip()


class LowercaseFilter(Each):
    change = staticmethod(str.lower)


class UppercaseFilter(Each):
    change = staticmethod(str.upper)


class MapFilter(Filter):
    def __init__(self, mapping_dict=None, default_value=None):
        self.mapping_dict, self.default_value = mapping_dict or {}, default_value

    def apply(self, resps, docs):
        return [[self.mapping_dict.get(text, self.default_value) for text in some] for some in resps]


class TakeFirstFilter(Filter):
    def apply(self, resps, docs):
        return [some[0] for some in resps]


class TakeKFilter(Filter):
    def __init__(self, **kwargs):
        self.k = kwargs.pop('k')

    def apply(self, resps, docs):
        return [some[:self.k] for some in resps]


class MajorityVoteFilter(Filter):
    def apply(self, resps, docs):
        return [[max(some, key=some.count)] for some in resps]


class Instance:
    def __init__(self, request_type=None, doc=None, arguments=(), idx=0, **kwargs):
        self.request_type, self.doc, self.arguments, self.idx = request_type, doc, arguments, idx
        self.resps, self.filtered_resps = [], {}
        self.__dict__.update(kwargs)


def as_is(*args, **kwargs):
    """A decorator with or without arguments that registers nothing."""
    if len(args) == 1 and not kwargs and callable(args[0]) and not isinstance(args[0], str):
        return args[0]
    return lambda x: x


def general_detokenize(text):
    for old, new in ((" n't", "n't"), (' )', ')'), ('( ', '('), ('" ', '"'), (' "', '"')):
        text = text.replace(old, new)
    return re.sub(r" (['.,])", r'\1', text)


# -- scores of labels, as scikit-learn has them --------------------------------------------------------

def f1_of(golds, preds, average='binary', pos_label=1):
    golds, preds = list(golds), list(preds)
    labels = sorted(set(golds) | set(preds))

    def one(label):
        hit = sum(g == label and p == label for g, p in zip(golds, preds))
        n = golds.count(label) + preds.count(label)
        return 2 * hit / n if n else 0.0
    if average == 'binary':
        return one(pos_label)
    if average == 'micro':
        return sum(g == p for g, p in zip(golds, preds)) / len(golds)
    if average == 'macro':
        return sum(one(k) for k in labels) / len(labels)
    return sum(one(k) * golds.count(k) for k in labels) / len(golds)


def weighted_f1_score(items):
    golds, preds = zip(*items)
    return f1_of(golds, preds, 'weighted')


def mean(arr):
    return sum(arr) / len(arr)


def median(arr):
    return sorted(arr)[len(arr) // 2]


def perplexity(items):
    return math.exp(-mean(items))


def weighted_mean(items):
    a, b = zip(*items)
    return sum(a) / sum(b)


def weighted_perplexity(items):
    return math.exp(-weighted_mean(items))


def bits_per_byte(items):
    return -weighted_mean(items) / math.log(2)


def f1_score(items):
    golds, preds = zip(*items)
    return max(f1_of(golds, preds), 0)


def matthews_corrcoef(items):
    golds, preds = (list(x) for x in zip(*items))
    n, labels = len(golds), sorted(set(golds) | set(preds))
    t, p = [golds.count(k) for k in labels], [preds.count(k) for k in labels]
    hits = sum(g == q for g, q in zip(golds, preds))
    cov = hits * n - sum(a * b for a, b in zip(t, p))
    d = (n * n - sum(a * a for a in p)) * (n * n - sum(a * a for a in t))
    return cov / math.sqrt(d) if d else 0.0


def metric_max_over_ground_truths(metric_fn, prediction, ground_truths):
    return max(metric_fn(prediction, truth) for truth in ground_truths)


def sample_stddev(arr):
    mu = mean(arr)
    return math.sqrt(sum((x - mu) ** 2 for x in arr) / (len(arr) - 1))


def mean_stderr(arr):
    return sample_stddev(arr) / math.sqrt(len(arr))


def exact_match_fn(predictions, references, regexes_to_ignore=None, ignore_case=False,
                   ignore_punctuation=False, ignore_numbers=False):
    import string

    def clean(x):
        x = str(x)
        for pattern in regexes_to_ignore or ():
            x = re.sub(pattern, '', x)
        x = x.lower() if ignore_case else x
        gone = (string.punctuation if ignore_punctuation else '') + (string.digits if ignore_numbers else '')
        return x.translate(str.maketrans('', '', gone))
    same_texts = [clean(p) == clean(r) for p, r in zip(predictions, references)]
    return {'exact_match': sum(same_texts) / len(same_texts)}


# -- sklearn, where it is not installed: the few functions that need no numpy ----------------------------

def sk_f1_score(y_true, y_pred, labels=None, pos_label=1, average='binary', **kwargs):
    if labels is not None or kwargs or average not in ('binary', 'micro', 'macro', 'weighted'):
        raise Missing('sklearn')
    return Float64(f1_of(y_true, y_pred, average, pos_label))


def sk_accuracy_score(y_true, y_pred, **kwargs):
    if kwargs:
        raise Missing('sklearn')
    y_true, y_pred = list(y_true), list(y_pred)
    if len(y_true) != len(y_pred):
        raise ValueError('Found input variables with inconsistent numbers of samples: [%d, %d]' %
                         (len(y_true), len(y_pred)))
    return Float64(sum(t == p for t, p in zip(y_true, y_pred)) / len(y_true))


def sk_matthews_corrcoef(y_true, y_pred, **kwargs):
    if kwargs:
        raise Missing('sklearn')
    return Float64(matthews_corrcoef(list(zip(y_true, y_pred))))


# -- evaluate ----------------------------------------------------------------------------------------

def metric_accuracy(predictions, references, normalize=True, sample_weight=None):
    n = sum(p == r for p, r in zip(predictions, references))
    return {'accuracy': n / len(list(references)) if normalize else float(n)}


def metric_f1(predictions, references, labels=None, pos_label=1, average='binary', sample_weight=None):
    return {'f1': f1_of(references, predictions, average, pos_label)}


def metric_mcc(predictions, references, **kwargs):
    return {'matthews_correlation': matthews_corrcoef(list(zip(references, predictions)))}


EVALUATE = {'exact_match': exact_match_fn, 'accuracy': metric_accuracy, 'f1': metric_f1,
            'matthews_correlation': metric_mcc}


class Metric:
    def __init__(self, name):
        self.name = name
        self._predictions, self._references = [], []

    def compute(self, predictions=None, references=None, **kwargs):
        if predictions is None:
            predictions, references = self._predictions, self._references
            self._predictions, self._references = [], []
        return EVALUATE[self.name](predictions=predictions, references=references, **kwargs)

    def add(self, prediction=None, reference=None):
        self._predictions.append(prediction)
        self._references.append(reference)

    def add_batch(self, predictions=None, references=None):
        self._predictions += list(predictions)
        self._references += list(references)


def evaluate_check(name):
    if name not in EVALUATE:
        raise Missing('evaluate', " with its metric '%s', which is fetched from the network" % name)


def evaluate_load(name, *args, **kwargs):
    evaluate_check(name)
    return Metric(name)


# -- the modules -------------------------------------------------------------------------------------

class StandIn(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        if self.__name__.startswith('sklearn'):
            raise Missing('sklearn')
        raise AttributeError("the stand-in of '%s' has no '%s'" % (self.__name__, name))


def add_module(name, **names):
    m = StandIn(name)
    m.__path__ = []
    m.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    for k, v in names.items():
        if isinstance(v, (type, types.FunctionType)) and v.__module__ == '__main__':
            v.__module__ = name
        setattr(m, k, v)
    sys.modules[name] = m
    parent, _, last = name.rpartition('.')
    if parent:
        setattr(sys.modules[parent], last, m)


def stand_in():
    import logging
    log = logging.getLogger('lm-eval')
    filters = dict(Filter=Filter)
    steps = dict(RegexFilter=RegexFilter, WhitespaceFilter=WhitespaceFilter)
    changes = dict(LowercaseFilter=LowercaseFilter, UppercaseFilter=UppercaseFilter, MapFilter=MapFilter)
    picks = dict(TakeFirstFilter=TakeFirstFilter, TakeKFilter=TakeKFilter,
                 MajorityVoteFilter=MajorityVoteFilter)
    register = {'register_' + k: as_is for k in ('filter', 'metric', 'aggregation', 'model', 'task', 'group',
                                                 'higher_is_better')}
    metrics = dict(mean=mean, median=median, perplexity=perplexity, weighted_perplexity=weighted_perplexity,
                   weighted_mean=weighted_mean, bits_per_byte=bits_per_byte, f1_score=f1_score,
                   matthews_corrcoef=matthews_corrcoef, sample_stddev=sample_stddev, mean_stderr=mean_stderr,
                   metric_max_over_ground_truths=metric_max_over_ground_truths, exact_match_fn=exact_match_fn)
    splits = type('Split', (), dict(TRAIN='train', VALIDATION='validation', TEST='test'))
    add_module('datasets', Split=splits, Dataset=Dataset, DatasetDict=DatasetDict, Features=Features, Value=Value,
               Sequence=Sequence, ClassLabel=ClassLabel, load_dataset=load_dataset, __version__='4.0.0',
               concatenate_datasets=concatenate_datasets, IterableDataset=type('IterableDataset', (), {}))
    add_module('datasets.arrow_dataset', Dataset=Dataset)
    add_module('evaluate', load=evaluate_load)
    add_module('lm_eval', __version__='0.4.13')
    add_module('lm_eval.utils', general_detokenize=general_detokenize, weighted_f1_score=weighted_f1_score,
               eval_logger=log)
    add_module('lm_eval.api')
    add_module('lm_eval.api.filter', Filter=Filter)
    add_module('lm_eval.api.instance', Instance=Instance)
    add_module('lm_eval.api.registry', **register)
    add_module('lm_eval.api.metrics', **metrics)
    add_module('lm_eval.filters')
    add_module('lm_eval.filters.extraction', **filters, **steps)
    add_module('lm_eval.filters.transformation', **filters, **changes)
    add_module('lm_eval.filters.selection', **filters, **picks)
    add_module('lm_eval.tasks')
    if not find('sklearn'):
        add_module('sklearn')
        add_module('sklearn.metrics', f1_score=sk_f1_score, accuracy_score=sk_accuracy_score,
                   matthews_corrcoef=sk_matthews_corrcoef)


main()
