-- Whose keys lie here. A frame ends in the owner's thumbprint, two bytes, and the creator's.
CREATE TABLE frame_owners (owner BLOB NOT NULL, frame INTEGER NOT NULL, PRIMARY KEY (owner, frame)) WITHOUT ROWID;

INSERT INTO frame_owners SELECT substr(prefix, -66, 32), id FROM frames;
