# taskcode_data.py - stand-in of `datasets`: rows in memory with the methods task files use.
#
# As in the real one, what map() returns becomes columns of one type each: tuples become lists, dicts of
# a new column have the same keys in every row (sorted, None where absent), whole numbers beside
# fractions become fractions.  Random orders need numpy, whose generator they come from.


class Column(list):
    """A column of a Dataset: a list that also answers to the methods of one."""

    def tolist(self):
        return list(self)

    to_pylist = tolist


def unify(values):
    """The values of one new column, as one type holds them."""
    some = [v for v in values if v is not None]
    if some and all(isinstance(v, dict) for v in some):
        keys = sorted({k for v in some for k in v})
        columns = {k: unify([v.get(k) if v is not None else None for v in values]) for k in keys}
        return [None if v is None else {k: columns[k][i] for k in keys} for i, v in enumerate(values)]
    if some and all(isinstance(v, list) for v in some):
        flat = iter(unify([x for v in some for x in v]))
        return [None if v is None else [next(flat) for _ in v] for v in values]
    kinds = {type(v) for v in some}
    if kinds == {int, float}:
        return [float(v) if type(v) is int else v for v in values]
    if len(kinds) > 1:
        raise TypeError('a column holds %s' % ' and '.join(sorted(k.__name__ for k in kinds)))
    if kinds == {int} and any(not -2 ** 63 <= v < 2 ** 63 for v in some):
        raise OverflowError('a column holds an integer of more than 64 bits')
    return values


def stored(x, at):
    """A value as a column keeps it."""
    x = plain(x, at)

    def lists(v):
        if type(v) in (list, tuple):
            return [lists(w) for w in v]
        return {str(k): lists(w) for k, w in v.items()} if type(v) is dict else v
    return lists(x)


def arranged(rows, old=()):
    """Rows whose columns outside `old` were just made, each column of one type."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    for k in columns:
        for i, row in enumerate(rows):
            if k not in row:
                raise KeyError("row %d has no column '%s', which others have" % (i, k))
        if k in old:
            continue
        values = unify([stored(row[k], "column '%s'" % k) for row in rows])
        for row, v in zip(rows, values):
            row[k] = v
    return rows, columns


class Value:
    def __init__(self, dtype=None, id=None):
        self.dtype = dtype


class Sequence:
    def __init__(self, feature=None, length=-1, id=None):
        self.feature = feature


class ClassLabel:
    def __init__(self, num_classes=None, names=None, **kwargs):
        self.names = names or []
        self.num_classes = num_classes or len(self.names)

    def int2str(self, i):
        return self.names[i]

    def str2int(self, s):
        return self.names.index(s)


class Features(dict):
    pass


class Dataset:
    def __init__(self, rows, columns=None):
        self._rows = rows
        self._columns = list(columns if columns is not None else (rows[0] if rows else ()))

    # -- made from
    @classmethod
    def from_list(cls, mapping, features=None, **kwargs):
        rows = [dict(r) for r in mapping]
        columns = list(dict.fromkeys(k for r in rows for k in r))
        return cls([{k: r.get(k) for k in columns} for r in rows], columns)

    @classmethod
    def from_dict(cls, mapping, features=None, **kwargs):
        columns = list(mapping)
        n = {len(v) for v in mapping.values()}
        if len(n) > 1:
            raise ValueError('the columns have different lengths')
        rows = [{k: mapping[k][i] for k in columns} for i in range(n.pop() if n else 0)]
        rows, columns = arranged(rows)
        return cls(rows, columns or list(mapping))

    @classmethod
    def from_generator(cls, generator, gen_kwargs=None, **kwargs):
        return cls.made(list(generator(**(gen_kwargs or {}))))

    @classmethod
    def from_pandas(cls, df, **kwargs):
        return cls.made(df.to_dict('records'))

    @classmethod
    def made(cls, rows):
        rows, columns = arranged([dict(r) for r in rows])
        return cls(rows, columns)

    # -- looked at
    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        for row in self._rows:
            yield self._copy(row)

    @staticmethod
    def _copy(row):
        try:
            return marshal.loads(marshal.dumps(row, 2))
        except ValueError:
            return dict(row)

    def __getitem__(self, key):
        if isinstance(key, str):
            if key not in self._columns:
                raise KeyError("Column %s not in the dataset. Current columns in the dataset: %s" %
                               (key, self._columns))
            return Column(row[key] for row in self._rows)
        if isinstance(key, slice):
            part = self._rows[key]
            return {k: [row[k] for row in part] for k in self._columns}
        if hasattr(key, '__iter__'):
            part = [self._rows[i] for i in key]
            return {k: [row[k] for row in part] for k in self._columns}
        if not -len(self) <= key < len(self):
            raise IndexError('Index %d out of range for dataset of size %d.' % (key, len(self)))
        return self._copy(self._rows[key])

    def __getattr__(self, name):
        raise AttributeError("the stand-in of datasets.Dataset has no '%s'" % name)

    @property
    def column_names(self):
        return list(self._columns)

    @property
    def num_rows(self):
        return len(self._rows)

    @property
    def num_columns(self):
        return len(self._columns)

    @property
    def shape(self):
        return len(self._rows), len(self._columns)

    @property
    def features(self):
        kinds = {str: 'string', int: 'int64', float: 'float64', bool: 'bool'}
        out = Features()
        for k in self._columns:
            first = next((r[k] for r in self._rows if r.get(k) is not None), None)
            out[k] = Value(kinds.get(type(first), 'null'))
        return out

    @property
    def split(self):
        return None

    def to_list(self):
        return [self._copy(r) for r in self._rows]

    def to_dict(self, **kwargs):
        return {k: [r[k] for r in self._rows] for k in self._columns}

    def to_pandas(self, **kwargs):
        import pandas
        return pandas.DataFrame(self.to_dict())

    def unique(self, column):
        return list(dict.fromkeys(r[column] for r in self._rows))

    def iter(self, batch_size, drop_last_batch=False):
        for i in range(0, len(self), batch_size):
            if not drop_last_batch or i + batch_size <= len(self):
                yield self[i:i + batch_size]

    # -- changed
    def map(self, function=None, with_indices=False, with_rank=False, input_columns=None, batched=False,
            batch_size=1000, drop_last_batch=False, remove_columns=None, fn_kwargs=None, **kwargs):
        if function is None:
            return self
        drop = {remove_columns} if isinstance(remove_columns, str) else set(remove_columns or ())
        inputs = [input_columns] if isinstance(input_columns, str) else input_columns
        extra = fn_kwargs or {}
        if batched:
            return self._map_batches(function, with_indices, inputs, batch_size, drop, extra)
        out, changed = [], set()
        for i, row in enumerate(self):
            given = [row] if inputs is None else [row[c] for c in inputs]
            got = function(*given, *([i] if with_indices else []), **extra)
            if got is None:
                out.append(self._rows[i] if not drop else {k: v for k, v in row.items() if k not in drop})
                continue
            if not hasattr(got, 'keys'):
                raise TypeError('the function given to map() returns %s, not a dict' % type(got).__name__)
            got = dict(got)
            changed.update(k for k in got if k not in self._columns or not same(got[k], self._rows[i].get(k)))
            merged = {k: v for k, v in row.items() if k not in drop}
            merged.update(got)
            out.append(merged)
        rows, columns = arranged(out, set(self._columns) - changed)
        return Dataset(rows, columns if out else [c for c in self._columns if c not in drop])

    def _map_batches(self, function, with_indices, inputs, batch_size, drop, extra):
        out = []
        for i in range(0, len(self), batch_size or len(self) or 1):
            part = self[i:i + (batch_size or len(self))]
            n = len(self._rows[i:i + (batch_size or len(self))])
            given = [dict(part)] if inputs is None else [part[c] for c in inputs]
            got = function(*given, *([list(range(i, i + n))] if with_indices else []), **extra)
            columns = {k: v for k, v in part.items() if k not in drop}
            columns.update(dict(got or {}))
            lengths = {len(v) for v in columns.values()}
            if len(lengths) > 1:
                raise ValueError('the function given to map(batched=True) returns columns of lengths %s' %
                                 sorted(lengths))
            out += [{k: columns[k][j] for k in columns} for j in range(lengths.pop() if lengths else 0)]
        return Dataset.made(out)

    def filter(self, function=None, with_indices=False, with_rank=False, input_columns=None, batched=False,
               batch_size=1000, fn_kwargs=None, **kwargs):
        if function is None:
            return self
        inputs = [input_columns] if isinstance(input_columns, str) else input_columns
        extra, out = fn_kwargs or {}, []
        if batched:
            for i in range(0, len(self), batch_size):
                part = self[i:i + batch_size]
                given = [part] if inputs is None else [part[c] for c in inputs]
                keep_it = function(*given, **extra)
                out += [r for r, k in zip(self._rows[i:i + batch_size], keep_it) if k]
            return Dataset(out, self._columns)
        for i, row in enumerate(self):
            given = [row] if inputs is None else [row[c] for c in inputs]
            if function(*given, *([i] if with_indices else []), **extra):
                out.append(self._rows[i])
        return Dataset(out, self._columns)

    def select(self, indices, **kwargs):
        return Dataset([self._rows[int(i)] for i in indices], self._columns)

    def take(self, n):
        return Dataset(self._rows[:n], self._columns)

    def skip(self, n):
        return Dataset(self._rows[n:], self._columns)

    def shuffle(self, seed=None, generator=None, **kwargs):
        import numpy
        if seed is None and generator is None:
            seed = 0
        order = (generator or numpy.random.default_rng(seed)).permutation(len(self))
        return self.select(order)

    def train_test_split(self, test_size=None, train_size=None, shuffle=True, seed=None, **kwargs):
        n = len(self)

        def count(size):
            return size if size is None or isinstance(size, int) else math.ceil(size * n)
        n_test, n_train = count(test_size), train_size
        if n_train is not None and not isinstance(n_train, int):
            n_train = math.floor(n_train * n)
        if n_test is None:
            n_test = math.ceil(0.25 * n) if n_train is None else n - n_train
        if n_train is None:
            n_train = n - n_test
        if not shuffle:
            return DatasetDict(train=self.select(range(n_train)),
                               test=self.select(range(n_train, n_train + n_test)))
        import numpy
        order = numpy.random.default_rng(seed if seed is not None else 0).permutation(n)
        return DatasetDict(train=self.select(order[n_test:n_test + n_train]), test=self.select(order[:n_test]))

    def sort(self, column_names, reverse=False, **kwargs):
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        flags = [reverse] * len(names) if isinstance(reverse, bool) else list(reverse)
        rows = list(self._rows)
        for k, r in reversed(list(zip(names, flags))):
            rows.sort(key=lambda row: row[k], reverse=r)
        return Dataset(rows, self._columns)

    def rename_column(self, original_column_name, new_column_name, **kwargs):
        return self.rename_columns({original_column_name: new_column_name})

    def rename_columns(self, column_mapping, **kwargs):
        for k in column_mapping:
            if k not in self._columns:
                raise ValueError('Original column name %s not in the dataset. Current columns in the dataset: %s'
                                 % (k, self._columns))
        new = {k: column_mapping.get(k, k) for k in self._columns}
        return Dataset([{new[k]: v for k, v in r.items()} for r in self._rows], new.values())

    def remove_columns(self, column_names, **kwargs):
        names = {column_names} if isinstance(column_names, str) else set(column_names)
        left = [c for c in self._columns if c not in names]
        return Dataset([{k: r[k] for k in left} for r in self._rows], left)

    def select_columns(self, column_names, **kwargs):
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        return Dataset([{k: r[k] for k in names} for r in self._rows], names)

    def add_column(self, name, column, **kwargs):
        column = list(column)
        if len(column) != len(self):
            raise ValueError('the new column has %d rows, the dataset %d' % (len(column), len(self)))
        rows = [{**r, name: v} for r, v in zip(self._rows, column)]
        return Dataset(*arranged(rows, set(self._columns)))

    def add_item(self, item, **kwargs):
        return Dataset(self._rows + [{k: item.get(k) for k in self._columns}], self._columns)

    def cast(self, features, **kwargs):
        return self

    def cast_column(self, column, feature, **kwargs):
        return self

    def flatten_indices(self, **kwargs):
        return self

    def with_format(self, *args, **kwargs):
        return self


def same(a, b):
    return type(a) is type(b) and (a is b or a == b)


class DatasetDict(dict):
    def map(self, *args, **kwargs):
        return DatasetDict({k: v.map(*args, **kwargs) for k, v in self.items()})

    def filter(self, *args, **kwargs):
        return DatasetDict({k: v.filter(*args, **kwargs) for k, v in self.items()})

    def rename_column(self, *args, **kwargs):
        return DatasetDict({k: v.rename_column(*args, **kwargs) for k, v in self.items()})

    def remove_columns(self, *args, **kwargs):
        return DatasetDict({k: v.remove_columns(*args, **kwargs) for k, v in self.items()})

    def shuffle(self, *args, **kwargs):
        return DatasetDict({k: v.shuffle(*args, **kwargs) for k, v in self.items()})

    @property
    def column_names(self):
        return {k: v.column_names for k, v in self.items()}


class Splits(DatasetDict):
    """What load_dataset without a split yields: a split's rows are fetched when they are looked at."""

    def __init__(self, source):
        super().__init__()
        self._source = source

    def __missing__(self, split):
        self[split] = load_split(self._source, split)
        return self[split]


def load_split(source, split):
    return Dataset.from_list(ask_host({**source, 'split': split}))


def load_dataset(path, name=None, split=None, data_files=None, **kwargs):
    if kwargs.get('streaming'):
        raise Refused('load_dataset(streaming=True) is not to be had here')
    source = {'path': str(path), 'name': None if name is None else str(name), 'data_files': plain(data_files)}
    if split is None:
        return Splits(source)
    base, _, part = str(split).partition('[')
    rows = load_split(source, base)
    if not part:
        return rows
    ends = part.rstrip(']').split(':')
    if len(ends) != 2 or any(e and not e.lstrip('-').isdigit() for e in ends):
        raise Refused("load_dataset: the split '%s' is not understood" % split)
    return Dataset(rows._rows[slice(*(int(e) if e else None for e in ends))], rows._columns)


def concatenate_datasets(dsets, **kwargs):
    columns = list(dict.fromkeys(c for d in dsets for c in d.column_names))
    return Dataset([{k: r.get(k) for k in columns} for d in dsets for r in d._rows], columns)
