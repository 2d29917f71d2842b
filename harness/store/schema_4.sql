-- From version 3 to 4: speed is measured in rounds, each by a process of its own.

ALTER TABLE sample ADD COLUMN round INTEGER NOT NULL DEFAULT 0;   -- from 0; `rep` counts on over them
