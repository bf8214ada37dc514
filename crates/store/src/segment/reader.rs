//! Reads a segment, a range at a time.

use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::{FORMAT, FORMAT_KEY};
use crate::blob::BlobStore;
use crate::catalog::SegmentMeta;
use crate::limits::GRANULE_ROWS;
use crate::snapshot::{ReadError, RecordBatches};

/// A live segment. Snapshots share it; its file is deleted when nobody holds it any more.
pub(crate) struct Segment {
    pub meta: SegmentMeta,
    blobs: Arc<dyn BlobStore>,
    /// The parsed footer, once somebody asked: it costs more than the pages of a small segment.
    footer: Mutex<Option<ArrowReaderMetadata>>,
}

impl Segment {
    pub(crate) fn new(meta: SegmentMeta, blobs: Arc<dyn BlobStore>) -> Segment {
        Segment { meta, blobs, footer: Mutex::new(None) }
    }

    pub(crate) fn schema(&self) -> Result<SchemaRef, ReadError> {
        Ok(self.footer()?.schema().clone())
    }

    /// The rows in order; only the named columns when names are given.
    pub(crate) fn read(&self, columns: Option<&[&str]>) -> RecordBatches {
        match self.reader(columns) {
            Ok(batches) => {
                let blob = self.meta.blob.clone();
                Box::new(batches.map(move |batch| {
                    batch.map_err(|error| ReadError::Segment {
                        blob: blob.clone(),
                        reason: error.to_string(),
                    })
                }))
            }
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn reader(&self, columns: Option<&[&str]>) -> Result<ParquetRecordBatchReader, ReadError> {
        let footer = self.footer()?;
        let mask = match columns {
            None => ProjectionMask::all(),
            Some(names) => {
                let fields = footer.schema().fields().iter().enumerate();
                let chosen = fields.filter(|(_, field)| names.contains(&field.name().as_str()));
                ProjectionMask::roots(
                    footer.metadata().file_metadata().schema_descr(),
                    chosen.map(|(at, _)| at),
                )
            }
        };
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.source(), footer)
            .with_batch_size(GRANULE_ROWS)
            .with_projection(mask)
            .build()
            .map_err(|error| self.unreadable(error.to_string()))
    }

    fn footer(&self) -> Result<ArrowReaderMetadata, ReadError> {
        let mut known = self.footer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(footer) = &*known {
            return Ok(footer.clone());
        }
        let footer = ArrowReaderMetadata::load(&self.source(), ArrowReaderOptions::new())
            .map_err(|error| self.unreadable(error.to_string()))?;
        let entries = footer.metadata().file_metadata().key_value_metadata();
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        let format = entries.iter().find(|entry| entry.key == FORMAT_KEY);
        let format = format.and_then(|entry| entry.value.as_ref()?.parse::<u32>().ok());
        match format {
            Some(format) if (1..=FORMAT).contains(&format) => {}
            Some(format) => {
                return Err(self.unreadable(format!(
                    "it has format {format}, this program reads up to {FORMAT}: use the program that wrote it"
                )));
            }
            None => return Err(self.unreadable("it is a Parquet file of somebody else".to_owned())),
        }
        *known = Some(footer.clone());
        Ok(footer)
    }

    fn source(&self) -> BlobSource {
        BlobSource {
            blobs: self.blobs.clone(),
            name: self.meta.blob.clone(),
            bytes: self.meta.bytes,
        }
    }

    fn unreadable(&self, reason: String) -> ReadError {
        ReadError::Segment { blob: self.meta.blob.clone(), reason }
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("meta", &self.meta).finish_non_exhaustive()
    }
}

/// A blob as the Parquet reader wants it.
struct BlobSource {
    blobs: Arc<dyn BlobStore>,
    name: String,
    bytes: u64,
}

impl Length for BlobSource {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for BlobSource {
    type T = BufReader<BlobRead>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let read = BlobRead {
            blobs: self.blobs.clone(),
            name: self.name.clone(),
            at: start,
            end: self.bytes,
        };
        Ok(BufReader::new(read))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.blobs.read_range(&self.name, start, length);
        bytes.map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// A blob as a stream from some place on.
struct BlobRead {
    blobs: Arc<dyn BlobStore>,
    name: String,
    at: u64,
    end: u64,
}

impl Read for BlobRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = into.len().min(left);
        let bytes = self.blobs.read_range(&self.name, self.at, length).map_err(io::Error::other)?;
        into[..length].copy_from_slice(&bytes);
        self.at += length as u64;
        Ok(length)
    }
}
